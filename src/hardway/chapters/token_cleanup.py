"""Delete the tokens of nodes that have joined (`kubeadm token delete`; the article leaves its token behind)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import kubectl
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import for_each, input_file, quote, words


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    joining = [other for other in cluster.kubernetes_nodes if other != cluster.first_control_plane]
    tokens = [input_file(f"token/{other.name}") for other in joining]
    # All masters have their CAs by now, so the key of kubeadm-certs goes, too. Of the user's tokens only the file does.
    given = (input_file(token.run_input) for token in cluster.bootstrap_tokens)
    files = (*tokens, input_file("certificate-key"), *given)
    collect = for_each(
        "file",
        map(quote, tokens),
        'if [ -s "$file" ]; then\n'
        '  IFS=. read -r id _ <"$file" || [ -n "$id" ]\n'
        '  secrets+=("bootstrap-token-$id")\n'
        "fi\n",
    )
    yield Command(
        "token-delete",
        "delete the bootstrap tokens of this run, and forget its secrets",
        "(\nsecrets=()\n"
        + (collect if tokens else "")
        + 'if [ "${#secrets[@]}" -gt 0 ]; then\n'
        + f'  {kubectl(cluster)} -n kube-system delete secret --ignore-not-found "${{secrets[@]}}"\nfi\n'
        + f"rm -f {words(files)}\n)\n",
        Check(
            "the secrets of this run to be gone",
            for_each("file", map(quote, files), '[ ! -e "$file" ] || { echo "$file is still there"; exit 1; }\n'),
        ),
        idempotent=True,
        watches=files,
        why="the nodes have certificates now",
    )


TOKEN_CLEANUP = Chapter("token-delete", "Tokens that have served", (), steps=steps)
