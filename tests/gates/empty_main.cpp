// The main of documentation snippets that have none: they need only compile.
int main() {}
