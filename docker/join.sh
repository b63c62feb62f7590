#!/bin/sh
# One tier of docker/compose.yml: joins the tier above without hand work, lets those named join it, and becomes
# `fusioncmd up`. For DEMONSTRATION: whoever can write into the folder /join is let in. Elsewhere a person carries the
# two files of `fusioncmd nodes` and compares the root key; and certificates come from an authority of your own.
#
#   TIER_NODE    the code of this tier's place            TIER_NAME    the name by which the tiers below reach it
#   TIER_ABOVE   code of the tier above, if any           TIER_PARENT  its HOST:PORT
#   TIER_BELOW   codes of the tiers that may join, if any; TIER_LINKS the ADDRESS:PORT at which they come in
#
# What is given to this script goes to `up`. No private key leaves $FUSIONCMD_DATA. Every step is done once: a tier that
# is started again finds what it was given, and waits for nobody. A step that fails ends it with the sentence of
# `fusioncmd`; started again, it goes on there.
set -eu
: "${FUSIONCMD_DATA:?}" "${TIER_NODE:?}" "${TIER_NAME:?}"
join=${TIER_JOIN:-/join}
wait_s_max=${TIER_WAIT_S_MAX:-120}
tls=$FUSIONCMD_DATA/tls
trap 'exit 143' TERM INT # as the first process of a container it would hear neither until `up` runs

# hand FILE NAME: into the folder that all tiers share, whole or not at all
hand() {
  cp "$1" "$join/.$2" && mv "$join/.$2" "$join/$2"
}

# await NAME: until another tier has put it there
await() {
  waited_s=0
  until [ -e "$join/$1" ]; do
    if [ "$waited_s" -ge "$wait_s_max" ]; then
      echo "Nobody has put $1 into $join for $wait_s_max s: is that tier running? · $wait_s_max 秒内 $join 中没有 $1：该级是否在运行？" >&2
      exit 1
    fi
    sleep 1
    waited_s=$((waited_s + 1))
  done
}

[ -e "$tls/server.pem" ] || fusioncmd tls init --node "$TIER_NODE" --host "$TIER_NAME"
hand "$tls/ca.pem" "$TIER_NODE.ca.pem"
set -- --tls-cert "$tls/server.pem" --tls-key "$tls/server.key" --tls-ca "$tls/ca.pem" "$@"

if [ -n "${TIER_ABOVE:-}" ]; then
  if [ ! -e "$FUSIONCMD_DATA/above" ]; then
    fusioncmd nodes request --node "$TIER_NODE" --out "/tmp/$TIER_NODE.join.json"
    hand "/tmp/$TIER_NODE.join.json" "$TIER_NODE.join.json"
    await "$TIER_NODE.joined.json"
    fusioncmd nodes take "$join/$TIER_NODE.joined.json"
  fi
  await "$TIER_ABOVE.ca.pem"
  cp "$join/$TIER_ABOVE.ca.pem" "$tls/above.pem"
  set -- --parent "${TIER_PARENT:?}" --parent-ca "$tls/above.pem" "$@"
elif [ ! -e "$FUSIONCMD_DATA/keys/anchors/root.grants" ]; then # and not by root.key, which belongs in a safe
  fusioncmd keys init --node "$TIER_NODE"
fi

for below in ${TIER_BELOW:-}; do
  if [ ! -e "$join/$below.joined.json" ]; then
    await "$below.join.json"
    fusioncmd nodes approve "$join/$below.join.json" --node "$TIER_NODE" --out "/tmp/$below.joined.json"
    hand "/tmp/$below.joined.json" "$below.joined.json"
  fi
done
if [ -n "${TIER_BELOW:-}" ]; then
  links=${TIER_LINKS:-0.0.0.0:7422}
  set -- --links-host "${links%:*}" --links-port "${links##*:}" "$@"
fi

exec fusioncmd up --node "$TIER_NODE" "$@"
