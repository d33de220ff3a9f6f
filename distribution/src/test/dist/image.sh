#!/usr/bin/env bash
# Builds the image from an archive and starts it as it would be in a cluster: under a user that it does not know, with a root
# that can't be written. Needs buildah and debootstrap, and to be root.
# Usage: image.sh <archive> <Dockerfile> <models> <work> <JDK>
# Prints the size of what is added to the base, and then what the server answers.
set -euo pipefail
archive="$1" dockerfile="$2" models="$3" work="$4" jdk="$5"
http=18080 user=54321

builder() { buildah --root "$work/store" --runroot "$work/run" --storage-driver vfs "$@"; }
end() {
  [ -z "${server:-}" ] || kill -TERM "$server" 2>/dev/null || true
  [ -z "${server:-}" ] || wait "$server" 2>/dev/null || true
  builder rm --all >/dev/null 2>&1 || true
  builder rmi --all --force >/dev/null 2>&1 || true
}
trap end EXIT
export BUILDAH_ISOLATION=chroot

# Another may have made the base already.
base="${NEREID_IMAGE_BASE:-$work/base}"
[ -d "$base/usr" ] || debootstrap --variant=minbase stable "$base" > "$work/debootstrap.log" 2>&1
container="$(builder from scratch)"
builder add --quiet "$container" "$base" / >/dev/null
builder commit --quiet "$container" localhost/base >/dev/null
# A distribution's JDK has links to files that lie elsewhere.
cp --recursive --dereference "$jdk" "$work/jdk"
builder add --quiet "$container" "$work/jdk" /usr/lib/jvm/jdk >/dev/null
rm -rf "$work/jdk"
builder commit --quiet "$container" localhost/jdk >/dev/null
builder rm "$container" >/dev/null
mkdir -p "$work/context"
cp "$archive" "$work/context/nereid.tar.gz"
builder build --pull-never --format docker --build-arg JDK=localhost/jdk --build-arg BASE=localhost/base --file "$dockerfile" \
  --tag nereid:test "$work/context" > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
container="$(builder from --pull-never localhost/nereid:test)"
root="$(builder mount "$container")"
echo "added=$(du --summarize --block-size=1M "$root/opt" | cut -f 1)"

cat > "$work/start.sh" <<'START'
set -e
mkdir -p "$2"
mount --bind "$1" "$2"
mount --bind "$3" "$2/models"
mount -o remount,bind,ro "$2/models"
mount -t tmpfs -o size=900m,exec tmpfs "$2/tmp"
mount --bind /proc "$2/proc"
mount --bind /dev "$2/dev"
mount -o remount,bind,ro "$2"
exec chroot --userspec="$4:0" "$2" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 TRITON_SERVER_CPU_ONLY=1 \
  JAVA_TOOL_OPTIONS=-Dnereid.tried=1 bash -c 'touch /opt/written 2>/dev/null && echo "the root can be written"; exec "$0" "$@"' \
  tritonserver --model-store=/models --http-port="$5" --allow-grpc=false --allow-metrics=false --model-control-mode=explicit \
  --load-model=identity_fp32 --load-model=add_sub
START
unshare --mount bash "$work/start.sh" "$root" "$work/root" "$models" "$user" "$http" > "$work/server.log" 2>&1 &
server=$!
for _ in $(seq 240); do
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log"; exit 1; }
  curl --silent --fail "localhost:$http/v2/health/ready" && break
  sleep 0.5
done
echo "uid=$(awk '/^Uid:/ { print $2 }' "/proc/$server/status")"
grep -q "can be written" "$work/server.log" && { echo "the root can be written"; exit 1; }
curl --silent --fail "localhost:$http/v2/models/add_sub/ready" && echo "add_sub=ready"
curl --silent --fail "localhost:$http/v2/models/identity_fp32/infer" \
  -d '{"inputs":[{"name":"INPUT0","shape":[1,2],"datatype":"FP32","data":[7,8]}]}'
