"""What a figure or a table is of: the settings that apply to it, and no others."""

import dataclasses

#: How a field is told, where its bare value does not say what it is.
_TOLD = {
    "sentences": "{} sentences", "k": "k = {}", "tau": "τ = {}",
    "language": "trained in {}", "rate": "learning rate {:g}", "seed": "seed {}",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Caption:
    """Settings of a figure; a field that does not apply is None, and not told.

    ``str(caption)`` is the line that figures print (without the split, which the name of the
    corpus tells); ``json`` files keep :meth:`settings`.
    """

    model: str | None = None
    corpus: str | None = None
    sentences: int | None = None
    split: str | None = None
    k: int | None = None
    tau: int | None = None
    metric: str | None = None
    pooling: str | None = None
    dtype: str | None = None
    task: str | None = None
    language: str | None = None
    rate: float | None = None
    seed: int | None = None
    #: What else decides the numbers and is not told: weights, arithmetic, hash of the text.
    provenance: dict[str, object] = dataclasses.field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        told = {name: value for name, value in self.settings().items() if name != "split"}
        line = ", ".join(_TOLD.get(name, "{}").format(value) for name, value in told.items())
        return line.replace(" 1 sentences", " 1 sentence")

    def settings(self) -> dict[str, object]:
        """The fields that apply."""
        values = {name: v for name, v in dataclasses.asdict(self).items() if v is not None}
        return {name: value for name, value in values.items() if name != "provenance"}

    def but(self, **changes: object) -> "Caption":
        """The same with other values; None takes a field out."""
        changed = dataclasses.replace(self, **changes)  # type: ignore[arg-type]
        return changed._without_others_provenance(self)

    def of(self, *fields: str) -> "Caption":
        """The same with these fields only."""
        kept = {name: getattr(self, name) for name in fields}
        return Caption(**kept, provenance=self.provenance)._without_others_provenance(self)

    def _without_others_provenance(self, before):
        """Another text has not this one's hash, and another model, or several, not its weights."""
        kept = self.provenance
        if None not in (self.corpus, before.corpus) and self.corpus != before.corpus:
            kept = {name: value for name, value in kept.items() if name != "corpus_fingerprint"}
        if self.model != before.model:
            kept = {name: value for name, value in kept.items() if name == "corpus_fingerprint"}
        return dataclasses.replace(self, provenance=kept)

    def title(self, headline: str) -> str:
        """Title of a figure: what it shows, and below it the settings."""
        # a file's name may hold what matplotlib would take for a formula
        settings = str(self).replace("$", r"\$")
        return f"{headline}\n({settings})"
