# a wheel made here, installed into an environment of its own, upgraded and removed
set -e
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1 PIP_ROOT_USER_ACTION=ignore
cat >wheel.py <<'P'
import base64, hashlib, sys, zipfile
version = sys.argv[1]
rows = []
with zipfile.ZipFile(f"hello-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as z:
    def put(path, text):
        z.writestr(zipfile.ZipInfo(path, (2001, 2, 3, 4, 5, 6)), text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{path},sha256={digest},{len(text)}")
    put("hello/__init__.py", f"def main():\n    print('hello {version}')\n")
    for n in range(150):
        put(f"hello/p{n % 10}/m{n}.py", f"x = {n}\n" * 10)
    info = f"hello-{version}.dist-info/"
    put(info + "METADATA", f"Metadata-Version: 2.1\nName: hello\nVersion: {version}\n")
    put(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    put(info + "entry_points.txt", "[console_scripts]\nhello = hello:main\n")
    rows.append(info + "RECORD,,")
    z.writestr(zipfile.ZipInfo(info + "RECORD", (2001, 2, 3, 4, 5, 6)), "\n".join(rows) + "\n")
P
python3 wheel.py 1.0 && python3 wheel.py 2.0
/usr/bin/python3 -m venv v && find v/bin | grep -v 'python3\.' | sort
v/bin/pip install -q ./hello-1.0-py3-none-any.whl && v/bin/hello && v/bin/pip list --format=freeze | grep hello
v/bin/pip install -q ./hello-2.0-py3-none-any.whl && v/bin/hello && v/bin/pip check
v/bin/pip uninstall -q -y hello && [ ! -e v/bin/hello ] && v/bin/pip list --format=freeze | grep -c hello || echo gone
v/bin/pip install -q ./hello-1.0-py3-none-any.whl && v/bin/python -c 'import hello.p3.m3 as m; print(m.x)'
