# a venv, an offline install of a local package, its console script
set -e
cd /tmp/w
/usr/bin/python3 -m venv --system-site-packages v >/dev/null
mkdir -p pkg/hello
printf 'def main():\n    print("hello from the package")\n' >pkg/hello/__init__.py
cat >pkg/setup.py <<'P'
from setuptools import setup
setup(name="hello", version="1.0", packages=["hello"], entry_points={"console_scripts": ["hello=hello:main"]})
P
./v/bin/pip install -q --no-index --no-build-isolation --no-deps --disable-pip-version-check ./pkg 2>&1 | grep -v -i -e warning -e deprecat -e '^$' || true
./v/bin/hello
./v/bin/python -m pip list --disable-pip-version-check 2>/dev/null | grep -i hello
./v/bin/python -c 'import hello, sys; hello.main(); print(sys.prefix)'
find v -name '__pycache__' -path '*hello*' | wc -l
