"""take_subject.py FROM SUBJECTS SUBJECT[:REGEX][,SUBJECT[:REGEX]...] TO: the cases of subjects (subjects.json), of one
those whose name REGEX finds, and their files, as a folder."""
import json
import os
import re
import shutil
import sys

source, subjects, subject, target = sys.argv[1:]
with open(source + "/manifest.json") as f:
    manifest = json.load(f)
peer = manifest["made_by"].split()[0].removeprefix("make_").removesuffix(".py")
with open(subjects) as f:
    all_ops = json.load(f)[peer]
taken = [(set(all_ops[name]), re.compile(regex)) for name, _, regex in (one.partition(":") for one in subject.split(","))]
manifest["cases"] = [c for c in manifest["cases"] if any(c["op"] in ops and regex.search(c["name"]) for ops, regex in taken)]
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
