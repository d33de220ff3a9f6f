#!/usr/bin/env bash
# Makes the archives of a release from the layout that the build has made: one for a JDK 25, one with its own run time.
# Started by './mvnw -Pdist'. Usage: release.sh <layout> <target> <version> <classes> <local Maven repository>
set -euo pipefail
layout="$1" target="$2" version="$3" classes="$4" repository="$5"
java_home="$("$layout/nereid" --java-home)"
name="nereid-$version"
out="$target/release"
time="${NEREID_BUILD_TIME:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}"

rm -rf "$out"
mkdir -p "$out/$name"
# What a release leaves out: benchmarks, the sign of a finished build, and what a server that ran here has left.
for part in "$layout"/*; do
  case "${part##*/}" in
    benchmarks | complete | demo-models | start-*.aot) ;;
    *) cp -a "$part" "$out/$name/" ;;
  esac
done
cp -a "$layout/../../../README.md" "$layout/../../../CHANGELOG.md" "$layout/../../../docs" "$layout/../../../deploy" "$out/$name/"
"$java_home/bin/java" -cp "$classes:$layout/lib/*" dev.nereid.distribution.release.ReleaseCommand \
  "$out/$name" "$repository" "$version" "$time"
chmod -R go=u-w "$out/$name"

# Packs directory $1 as archive $2. Owners, times and order are always the same; the time of a library must stay, since
# the JVM compares it.
pack() {
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --format=gnu --directory="$out" "$1" | gzip -6 -n > "$out/$2"
}
find "$out/$name" -exec touch --no-dereference --date="$time" {} +
pack "$name" "$name.tar.gz"

# The same with a run time of its own, native libraries unpacked, and what the JVM learns from a trial start with it.
"$java_home/bin/jlink" --add-modules java.se,jdk.unsupported,jdk.management,jdk.net,jdk.zipfs,jdk.jcmd,jdk.jfr,jdk.crypto.cryptoki,jdk.localedata \
  --include-locales=en --strip-java-debug-attributes --no-header-files --no-man-pages --compress=zip-6 --output "$out/$name/runtime"
JAVA_HOME='' "$out/$name/nereid" prepare --unpack
pack "$name" "$name-linux-x86_64.tar.gz"

cp "$out/$name/sbom.cdx.json" "$out/$name.cdx.json"
rm -rf "${out:?}/$name"
(cd "$out" && sha256sum -- *.tar.gz *.cdx.json > SHA256SUMS)
ls -l "$out"
