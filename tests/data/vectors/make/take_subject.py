"""take_subject.py FROM SUBJECTS SUBJECT[,SUBJECT...] TO: the cases of subjects (subjects.json) and their files, as a folder."""
import json
import os
import shutil
import sys

source, subjects, subject, target = sys.argv[1:]
with open(source + "/manifest.json") as f:
    manifest = json.load(f)
peer = manifest["made_by"].split()[0].removeprefix("make_").removesuffix(".py")
with open(subjects) as f:
    of_peer = json.load(f)[peer]
    ops = {op for one in subject.split(",") for op in of_peer[one]}
manifest["cases"] = [c for c in manifest["cases"] if c["op"] in ops]
os.makedirs(target)
with open(target + "/manifest.json", "w") as f:
    f.write("{\n")
    for key, value in manifest.items():
        if key != "cases":
            f.write(f" {json.dumps(key)}: {json.dumps(value)},\n")
    f.write(' "cases": [\n' + ",\n".join("  " + json.dumps(c) for c in manifest["cases"]) + "\n ]\n}\n")
for case in manifest["cases"]:
    for name in {*case["inputs"].values(), *case.get("outputs", {}).values()}:
        shutil.copyfile(source + "/" + name, target + "/" + name)
