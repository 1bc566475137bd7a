# libyaml 0.2.5 (MIT)
# shellcheck shell=sh disable=SC2154
file=libyaml_0.2.5.orig.tar.gz
fetch $file fa240dbf262be053f3898006d502d514936c818e422afdcf33921c63bed9bf2e liby/libyaml
unpack $file src
cat >config.h <<'END'
#define YAML_VERSION_MAJOR 0
#define YAML_VERSION_MINOR 2
#define YAML_VERSION_PATCH 5
#define YAML_VERSION_STRING "0.2.5"
END
compile "-Os -DHAVE_CONFIG_H -I. -Isrc/include" src/src/*.c
mkdir -p "$dest/include"
cp src/include/yaml.h "$dest/include/"
