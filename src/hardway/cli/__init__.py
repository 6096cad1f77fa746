"""The command `hardway`: one file per verb; `ui` is the only module that knows how things look."""
