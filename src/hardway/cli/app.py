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
from hardway.cli.epilog import CHANGES, HERE, NODES, epilog, exit_codes

app = typer.Typer(
    name="hardway",
    help="Kubernetes the hard way: every file and every command of a cluster, in the open.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    epilog=exit_codes(),
)
app.command(
    epilog=epilog(
        "new --name demo --domain example.com --master master-1=192.0.2.11 --worker worker-1=192.0.2.21",
        HERE,
        c6="the file is there",
    )
)(new.new)
app.command(epilog=epilog("plan --diff -f cluster.yaml", (*NODES, 6)))(plan.plan)
app.command(epilog=epilog("apply --only certs --node master-1 -f cluster.yaml", CHANGES))(apply.apply)
app.command(epilog=epilog("check --preflight -f cluster.yaml", NODES, c3="a check says no"))(check.check)
app.command(epilog=epilog("chapters --json", ()))(chapters.chapters)
app.command(epilog=epilog("reset --node worker-2 -f cluster.yaml", CHANGES))(reset.reset)
app.command(
    epilog=epilog("trust --node worker-2 --fingerprint SHA256:... -f cluster.yaml", (2, 4), c6="a key has changed")
)(trust.trust)
app.add_typer(node.app, name="node")
app.add_typer(render.app, name="render")
app.command(epilog=epilog("kubeconfig -o admin.conf -f cluster.yaml", (*NODES, 6)))(kubeconfig.kubeconfig)
app.add_typer(certs.app, name="certs")
app.add_typer(token.app, name="token")
app.command(name="join-command", epilog=epilog("join-command --control-plane --ttl 2h -f cluster.yaml", NODES))(
    join_command.join_command
)
app.add_typer(csr.app, name="csr")
app.command(epilog=epilog("parity --cluster -f inventory.yaml", NODES, c1="something differs"))(parity.parity)
app.command(epilog=epilog("versions --json", ()))(versions.versions)
app.command(epilog=epilog("schema csr list", HERE))(schema.schema)
app.add_typer(bundle.app, name="bundle")
app.command(epilog=epilog("completion zsh >~/.zfunc/_hardway", HERE))(completion.completion)
app.add_typer(lab.app, name="lab")


@app.callback()
def root(version: versions.Version = False) -> None:
    """Kubernetes the hard way: every file and every command of a cluster, in the open."""
