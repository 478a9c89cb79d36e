#!/usr/bin/env python3
"""Mutation testing: mutate.py OUT COUNT TESTS FILTER FILE...

Makes COUNT small changes, one at a time, to the given source files (another comparison, sign, constant, connective), builds their project, runs the
tests of TESTS that FILTER picks, and writes what no test noticed to OUT (JSON). The same changes for the same files and count. Files are put back.
The tests must be built and pass beforehand; run it through eng/mutate.sh, which sets the environment.
"""
import hashlib, json, os, pathlib, random, re, shutil, subprocess, sys

CHANGES = [
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "), (r" \+ ", " - "), (r" - ", " + "),
    (r" \* ", " + "), (r" / ", " * "), (r" % ", " / "), (r" && ", " || "), (r" \|\| ", " && "), (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"\bis not \(", "is ("), (r"\+\+", "--"), (r"\+= ", "-= "), (r"-= ", "+= "), (r"(?<![\w.\"])(\d+)(?![\w.\"])", None),
]
SKIP = re.compile(r"^\s*(//|using |namespace |\[|throw |///)|throw |const string|=> \$\"")


def mutants(path):
    for number, line in enumerate(path.read_text().split("\n")):
        if SKIP.search(line):
            continue
        code = re.sub(r'\$?"(?:[^"\\]|\\.)*"', lambda m: " " * len(m.group()), line).split("//")[0]
        for pattern, by in CHANGES:
            for match in re.finditer(pattern, code):
                new = by if by is not None else str(int(match.group()) + 1)
                yield str(path), number, line, line[: match.start()] + new + line[match.end() :]


def run(*command, timeout):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, stdin=subprocess.DEVNULL).returncode
    except subprocess.TimeoutExpired:
        return -1


def project_of(path):
    folder = path.parent
    while not list(folder.glob("*.csproj")):
        folder = folder.parent
    return next(folder.glob("*.csproj"))


def main():
    out, count, tests, picked, *files = sys.argv[1:]
    found = [m for f in files for m in mutants(pathlib.Path(f))]
    random.Random(int(hashlib.sha256(" ".join(files).encode()).hexdigest(), 16)).shuffle(found)
    results = json.loads(pathlib.Path(out).read_text()) if os.path.exists(out) else []
    done = {(r["file"], r["line"], r["after"]) for r in results}
    left = int(count)
    for file, number, before, after in found:
        if left == 0:
            break
        if (file, number + 1, after.strip()) in done:
            left -= 1
            continue
        path = pathlib.Path(file)
        original = path.read_text()
        lines = original.split("\n")
        lines[number] = after
        project = project_of(path)
        binary = f"artifacts/bin/{project.stem}/release/{project.stem}.dll"
        target = f"artifacts/bin/{tests}/release"
        try:
            path.write_text("\n".join(lines))
            if run("dotnet", "build", str(project), "-c", "Release", "--nologo", "-v", "q", "-p:TreatWarningsAsErrors=false", timeout=300) != 0:
                continue  # no program
            shutil.copy(binary, target)
            code = run("dotnet", "test", f"{target}/{tests}.dll", "--nologo", "--filter", picked, timeout=400)
        finally:
            path.write_text(original)
        left -= 1
        results.append({"file": file, "line": number + 1, "before": before.strip(), "after": after.strip(), "end": "survived" if code == 0 else "timeout" if code < 0 else "killed"})
        pathlib.Path(out).write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        print(results[-1]["end"], f"{file}:{number + 1}", after.strip(), flush=True)
    survived = sum(r["end"] == "survived" for r in results)
    print(f"{len(results)} changes, {len(results) - survived} noticed, {survived} not")


main()
