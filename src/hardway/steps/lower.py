"""Steps to primitives: one exhaustive match. What is shown, printed, applied and checked is made here once."""

from collections.abc import Iterable, Iterator, Mapping

from hardway.model import Document, OsFamily
from hardway.pki import openssl, questions
from hardway.steps import yaml
from hardway.steps.checks import Check
from hardway.steps.goyaml import dump_go
from hardway.steps.primitives import Await, Primitive, Run, Write
from hardway.steps.shell import for_each, heredoc, octal, quote, words
from hardway.steps.vocabulary import (
    ApiObjects,
    Certificate,
    Command,
    Directory,
    File,
    KeyPair,
    Kubeconfig,
    Packages,
    Service,
    StaticPod,
    Step,
    Wait,
)

FIELD_MANAGER = "hardway"
"""Field manager of server-side apply."""
HEARD = 30
"""Seconds for an API server to hear of a binding that was just made."""


def lower(step: Step) -> tuple[Primitive, ...]:
    """The primitives of one step, in order."""
    match step:
        case File():
            return (Write(step.id, step.path, step.content.encode(), step.mode, step.owner, step.secret, step.why),)
        case StaticPod():
            return (Write(step.id, step.path, dump_go(step.manifest).encode(), 0o600, why=step.why),)
        case Directory():
            return (_directory(step),)
        case Packages():
            return (_packages(step),)
        case Service():
            return (_service(step),)
        case Command():
            return (
                Run(
                    step.id,
                    step.title,
                    step.script,
                    step.unless,
                    step.idempotent,
                    step.watches,
                    step.inputs,
                    step.why,
                ),
            )
        case Certificate():
            return (
                Run(
                    step.id,
                    f"issue {step.spec.certificate}",
                    openssl.issue(step.spec),
                    Check(f"{step.spec.certificate} to be issued", questions.issued(step.spec)),
                    why=step.spec.purpose,
                ),
            )
        case KeyPair():
            return (
                Run(
                    step.id,
                    f"make the key pair {step.spec.private_key}",
                    openssl.make_key_pair(step.spec),
                    Check(f"the key pair {step.spec.private_key} to exist", questions.key_pair_made(step.spec)),
                    why=step.spec.purpose,
                ),
            )
        case Kubeconfig():
            return (
                Run(
                    step.id,
                    f"write {step.spec.path}",
                    openssl.write_kubeconfig(step.spec),
                    Check(f"{step.spec.path} to be written", questions.kubeconfig_written(step.spec)),
                    why=step.spec.purpose,
                ),
            )
        case ApiObjects():
            return tuple(_api_object(step, item) for item in step.objects) if step.once else (_api_objects(step),)
        case Wait():
            return (Await(step.id, step.check, step.limit),)


def lower_all(steps: Iterable[Step]) -> Iterator[Primitive]:
    """The primitives of many steps, in order."""
    for step in steps:
        yield from lower(step)


def _directory(step: Directory) -> Run:
    user, group = step.owner.split(":")
    path = quote(step.path)
    wanted = f"{step.mode:o} {step.owner} directory"
    # `install -d` gives the parents that it makes 0755, whatever the umask is.
    parents = f"(umask 077 && mkdir -p {path})\n" if step.narrow_parents else ""
    return Run(
        step.id,
        f"make the directory {step.path}",
        parents + words(["install", "-d", "-m", octal(step.mode), "-o", user, "-g", group, step.path]) + "\n",
        Check(
            f"{step.path} to be a directory of mode {octal(step.mode)}",
            f"[ \"$(stat -c '%a %U:%G %F' {path} 2>/dev/null)\" = {quote(wanted)} ]\n",
        ),
        idempotent=True,
        why=step.why,
    )


def _packages(step: Packages) -> Run:
    names = words(step.names)
    title = f"install {', '.join(step.names)}"
    settings = (
        f"set -a\n# shellcheck source=/dev/null\n. {quote(step.environment)}\nset +a\n" if step.environment else ""
    )
    if step.family is OsFamily.DEBIAN:
        script = (
            "export DEBIAN_FRONTEND=noninteractive\n"
            "apt-get update -q\n"
            # What is there already stays in its version; a machine that just booted may still be updating itself.
            f"apt-get install -q -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=120 {names}\n"
        )
        # One dpkg-query for all names; a removed package keeps its configuration and a status line.
        probe = (
            f"[ \"$(dpkg-query -W -f '${{db:Status-Status}}\\n' {names} 2>/dev/null"
            f' | grep -cx installed)" -eq {len(step.names)} ]\n'
        )
    else:
        # A package may be there under another name that provides it (curl-minimal is curl).
        script = (
            "missing=()\n"
            + for_each(
                "name",
                [quote(name) for name in step.names],
                'rpm -q --quiet --whatprovides "$name" || missing+=("$name")\n',
            )
            # Asked to install nothing, dnf takes it for a mistake.
            + '[ "${#missing[@]}" -eq 0 ] || dnf install -q -y "${missing[@]}"\n'
        )
        probe = f"rpm -q --quiet --whatprovides {names}\n"
    return Run(
        step.id,
        title,
        settings + script,
        Check(f"{', '.join(step.names)} to be installed", probe),
        True,
        why=step.why,
    )


def _service(step: Service) -> Run:
    units = words(step.units)
    enabled = (
        f'[ "$(systemctl is-enabled {units} 2>/dev/null | grep -cx enabled)" -eq {len(step.units)} ]'
        " || { echo 'not enabled'; exit 1; }\n"
    )
    if not step.started:
        return Run(
            step.id,
            f"enable {units}",
            f"systemctl daemon-reload\nsystemctl enable {units}\n",
            Check(f"{units} to be enabled", enabled),
            idempotent=True,
            watches=step.watches,
            why=step.why,
        )
    fresh = ""
    if step.watches:
        # A file written after the unit became active has not been read by it. Microseconds, because a file
        # and the restart that it causes often fall into the same second.
        fresh = for_each(
            "unit",
            [quote(unit) for unit in step.units],
            'since="$(systemctl show --timestamp=us+utc -P ActiveEnterTimestamp "$unit")"\n'
            f'newer="$(find {words(step.watches)} -newermt "$since" 2>/dev/null)"\n'
            '[ -z "$newer" ] || { echo "$unit runs with an older version of $newer"; exit 1; }\n',
        )
    return Run(
        step.id,
        f"enable and start {units}",
        "systemctl daemon-reload\n"
        f"systemctl enable -q {units}\n"
        f"systemctl restart {units} || {{ journalctl --no-pager -n 20 "
        + " ".join(f"-u {quote(unit)}" for unit in step.units)
        + " >&2; exit 1; }\n",
        Check(
            f"{units} to be enabled and running with its newest configuration",
            enabled + f"systemctl is-active --quiet {units} || {{ echo 'not active'; exit 1; }}\n" + fresh,
        ),
        idempotent=True,
        watches=step.watches,
        why=step.why,
    )


def _api_objects(step: ApiObjects) -> Run:
    text = yaml.dump_all(step.objects)
    kubectl = f"kubectl --kubeconfig={quote(step.kubeconfig)}"
    apply = f"apply --server-side --force-conflicts --field-manager={FIELD_MANAGER} -f -"
    diff = f"{kubectl} diff --server-side --force-conflicts --field-manager={FIELD_MANAGER} -f - >/dev/null 2>&1"
    return Run(
        step.id,
        f"apply {', '.join(_label(item) for item in step.objects)}",
        _with_fallback(step, apply, text) if step.fallback else heredoc(f"{kubectl} {apply}", text),
        Check("the objects to be as wanted", heredoc(diff, text)),
        idempotent=True,
        why=step.why,
    )


def _with_fallback(step: ApiObjects, apply: str, text: str) -> str:
    """As kubeadm the usual kubeconfig first; the other one is put away where it is not needed any more."""
    asked = questions.may_do_everything(step.kubeconfig)
    missing = f"{step.kubeconfig} may not do everything, and {step.fallback} is missing: chapter kubeconfig makes it"
    return (
        f"(\nkubeconfig={quote(step.kubeconfig)}\n"
        f'allowed="$({asked} || true)"\n'
        'case "$allowed" in no*)\n'
        f"  kubeconfig={quote(step.fallback)}\n"
        f'  [ -s "$kubeconfig" ] || {{ echo {quote(missing)} >&2; exit 1; }} ;;\nesac\n'
        + heredoc(f'kubectl --kubeconfig="$kubeconfig" {apply}', text)
        # The API server hears of a new binding a moment later.
        + f"deadline=$((SECONDS + {HEARD}))\n"
        "until [[ $allowed != no* ]]; do\n"
        f'  [ "$SECONDS" -lt "$deadline" ] || {{ echo {quote(f"{step.kubeconfig} still may not do everything")} >&2; exit 1; }}\n'
        "  sleep 0.1\n"
        f'  allowed="$({asked} || true)"\n'
        "done\n)\n"
    )


def _api_object(step: ApiObjects, item: Document) -> Run:
    metadata = item["metadata"]
    assert isinstance(metadata, Mapping)
    kubectl = f"kubectl --kubeconfig={quote(step.kubeconfig)}"
    name = words([f"--namespace={metadata.get('namespace', 'default')}", f"{item['kind']}/{metadata['name']}"])
    return Run(
        step.id,
        f"create {_label(item)}",
        heredoc(f"{kubectl} create -f -", yaml.dump(item)),
        Check(f"{_label(item)} to be there", f"{kubectl} get {name} >/dev/null 2>&1\n"),
        why=step.why,
    )


def _label(item: Document) -> str:
    assert isinstance(item["metadata"], Mapping)
    return f"{item['kind']}/{item['metadata']['name']}"
