#!/usr/bin/env python3
"""The software bill of materials of what is shipped and of what it runs on; see eng/sbom.sh. The same lock files and packages give the same bytes."""
import base64, hashlib, json, pathlib, re, subprocess, sys, uuid

root = pathlib.Path(sys.argv[1])
version = re.search(r"<Version>(.*?)</Version>", (root / "Directory.Build.props").read_text()).group(1)

# Debian's libraries that are used when the program runs, and what of it is optional.
DEBIAN = {
    "libtorch1.13": "required", "libopenblas0-openmp": "required", "libturbojpeg0": "required", "libwebp7": "required", "libstdc++6": "required", "libc6": "required", "dataset-fashion-mnist": "optional",
    "nodejs": "optional",
}


def nuget():
    found = {}
    for lock in sorted(root.glob("src/*/packages.lock.json")):
        for packages in json.loads(lock.read_text())["dependencies"].values():
            for name, entry in packages.items():
                if entry["type"] != "Project":
                    found[name, entry["resolved"]] = entry["contentHash"]
    for (name, resolved), digest in sorted(found.items()):
        yield component(name, resolved, f"pkg:nuget/{name}@{resolved}", digest)


def npm(folder, scope):
    for path, entry in sorted(json.loads((root / "eng" / folder / "package-lock.json").read_text())["packages"].items()):
        if path:
            name = path.split("node_modules/")[-1]
            yield component(name, entry["version"], f"pkg:npm/{name.replace('@', '%40')}@{entry['version']}", entry["integrity"].removeprefix("sha512-"), entry.get("license"), scope)


def debian():
    for name, scope in sorted(DEBIAN.items()):
        try:
            said = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version} ${Architecture}", name], capture_output=True, text=True).stdout.split()
        except FileNotFoundError:
            return
        if said[:1] == ["installed"]:
            yield component(name, said[1], f"pkg:deb/debian/{name}@{said[1]}?arch={said[2]}", scope=scope)


def component(name, version, purl, sha512=None, licence=None, scope="required"):
    made = {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": scope, "purl": purl}
    if sha512:
        made["hashes"] = [{"alg": "SHA-512", "content": base64.b64decode(sha512).hex()}]
    if licence:
        made["licenses"] = [{"expression": licence}]
    return made


# npm may have a package in two places; what is needed once is needed.
components = list({c["purl"]: c for c in [*npm("onnxruntime", "optional"), *npm("charts", "required"), *nuget(), *debian()]}.values())
components.sort(key=lambda c: c["purl"])
text = json.dumps(components, sort_keys=True)
print(json.dumps({
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": f"urn:uuid:{uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4)}",
    "version": 1,
    "metadata": {"component": {"type": "application", "bom-ref": f"pkg:nuget/Espalier.Cli@{version}", "name": "Espalier", "version": version, "purl": f"pkg:nuget/Espalier.Cli@{version}", "licenses": [{"expression": "Apache-2.0"}]}},
    "components": components,
    "dependencies": [{"ref": f"pkg:nuget/Espalier.Cli@{version}", "dependsOn": [c["bom-ref"] for c in components]}],
}, indent=2, ensure_ascii=False))
