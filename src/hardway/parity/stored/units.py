"""Stand-ins for systemd and the kubelet on a machine that has neither units nor containers. Pure."""

from importlib.resources import files

SEEN = "/seen"
"""What the kubelet found when it was first started, and nobody finds later: bootstrap-kubelet.conf."""

SYSTEMCTL = f"""\
#!/bin/bash
# No systemd runs here. The kubelet is a stand-in that is started and stopped; every other unit is there and well.
state=/run/units
mkdir -p "$state" {SEEN} /var/log
words=()
for word in "$@"; do
  case "$word" in -*) ;; *) words+=("${{word%.service}}") ;; esac
done
verb="${{words[0]}}" unit="${{words[-1]}}"
runs() {{ [ -s "$state/$1" ] && kill -0 "$(cat "$state/$1")" 2>/dev/null; }}
begin() {{
  # The script that runs this waits for whoever holds its output.
  setsid python3 /usr/bin/stand-in "$1" </dev/null >>"/var/log/$1.log" 2>&1 3>&- &
  echo "$!" >"$state/$1"
}}
start() {{
  if runs kubelet; then return; fi
  if [ -e /etc/kubernetes/bootstrap-kubelet.conf ]; then cp -a /etc/kubernetes/bootstrap-kubelet.conf {SEEN}; fi
  # Pods outlive their kubelet.
  runs static-pods || begin static-pods
  begin kubelet
  date +@%s.%N >"$state/since"
}}
stop() {{
  while runs kubelet; do kill "$(cat "$state/kubelet")" 2>/dev/null; sleep 0.05; done
}}
case "$verb $unit" in
  "enable "*) for unit in "${{words[@]:1}}"; do touch "$state/enabled-$unit"; done ;;
  "is-enabled "*) if [ -e "$state/enabled-$unit" ]; then echo enabled; else echo disabled; exit 1; fi ;;
  "is-active systemd-resolved") echo inactive; exit 3 ;;
  "is-active kubelet") runs kubelet || {{ echo inactive; exit 3; }} ;;
  "start kubelet") start ;;
  "restart kubelet" | "reload-or-restart kubelet") stop; start ;;
  "stop kubelet") stop ;;
  "show kubelet") cat "$state/since" 2>/dev/null ;;
esac
exit 0
"""


def scripts() -> dict[str, str]:
    """Name to text of the stand-ins, for `sandbox.Machine`."""
    return {"systemctl": SYSTEMCTL, "stand-in": files(__package__).joinpath("stand_in.py").read_text()}
