"""The verbs of the command `hardway`."""

import typer

from hardway.cli import (
    apply,
    bundle,
    certs,
    chapters,
    check,
    completion,
    csr,
    join_command,
    kubeconfig,
    lab,
    new,
    node,
    parity,
    plan,
    render,
    reset,
    schema,
    token,
    trust,
    versions,
)

app = typer.Typer(
    name="hardway",
    help="Kubernetes the hard way: every file and every command of a cluster, in the open.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 error, 2 wrong input, 3 a step failed, 4 node not reachable, 5 locked, 6 refused, 7 lab.",
)
app.command(
    epilog="Example: hardway new --name demo --domain example.com --master master-1=192.0.2.11 --worker worker-1=192.0.2.21"
)(new.new)
app.command()(plan.plan)
app.command()(apply.apply)
app.command()(check.check)
app.command()(chapters.chapters)
app.command(epilog="Example: hardway reset --node worker-2 -f cluster.yaml")(reset.reset)
app.command(epilog="Example: hardway trust --node worker-2 --fingerprint SHA256:... -f cluster.yaml")(trust.trust)
app.add_typer(node.app, name="node")
app.add_typer(render.app, name="render")
app.command(epilog="Example: hardway kubeconfig -o admin.conf -f cluster.yaml")(kubeconfig.kubeconfig)
app.add_typer(certs.app, name="certs")
app.add_typer(token.app, name="token")
app.command(name="join-command", epilog="Example: hardway join-command --control-plane --ttl 2h -f cluster.yaml")(
    join_command.join_command
)
app.add_typer(csr.app, name="csr")
app.command(epilog="Example: hardway parity --all -f cluster.yaml")(parity.parity)
app.command(epilog="Example: hardway versions --json")(versions.versions)
app.command(epilog="Example: hardway schema check; hardway schema 'csr list'. Exit codes: 0 done, 2 wrong input.")(
    schema.schema
)
app.add_typer(bundle.app, name="bundle")
app.command(epilog="Example: hardway completion zsh >~/.zfunc/_hardway")(completion.completion)
app.add_typer(lab.app, name="lab")


@app.callback()
def root(version: versions.Version = False) -> None:
    """Kubernetes the hard way: every file and every command of a cluster, in the open."""
