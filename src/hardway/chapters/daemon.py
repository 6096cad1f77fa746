"""A service that reads its configuration again without letting go of what it does."""

from hardway.steps import Check, Command


def daemon(step: str, title: str, unit: str, config: str, test: str, why: str) -> Command:
    """Started, or told to read its configuration again, after `test` (bash) has found nothing wrong with it."""
    return Command(
        step,
        title,
        f"{test}\n"
        f"systemctl enable -q {unit}\n"
        # A reload keeps what the service holds: connections, an address.
        f"systemctl reload-or-restart {unit} || {{ journalctl --no-pager -n 20 -u {unit} >&2; exit 1; }}\n",
        Check(
            f"{unit} to run with its newest configuration",
            f"systemctl is-enabled --quiet {unit} || {{ echo 'not enabled'; exit 1; }}\n"
            f"systemctl is-active --quiet {unit} || {{ echo 'not active'; exit 1; }}\n"
            # A reload leaves ActiveEnterTimestamp alone, and is a change of state.
            f'since="$(systemctl show --timestamp=us+utc -P StateChangeTimestamp {unit})"\n'
            f'[ -z "$(find {config} -newermt "$since" 2>/dev/null)" ] ||'
            " { echo 'it runs with an older one'; exit 1; }\n",
        ),
        idempotent=True,
        watches=(config,),
        why=why,
    )
