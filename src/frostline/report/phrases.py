"""The few sentences and number forms that every report shares, so that they say the same thing everywhere.

In:   a record, or a figure of it.
Out:  plain text; what came from the user is made printable.
Not:  markup of any kind (terminal.py, card.py, html.py escape for theirs).
"""

from frostline.evaluate.baselines import Baseline
from frostline.evaluate.intervals import Interval
from frostline.evaluate.metrics import Estimate
from frostline.evaluate.paired import PairedDifference
from frostline.head_record import CalibrationRecord, SearchRecord
from frostline.record import DataRecord, FeaturesRecord, TestRecord, TrainingRecord

LONGEST = 60
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def printable(value: object, limit: int = LONGEST) -> str:
    """`value` as text that is only ever seen: control, format and direction characters escaped, long text cut.

    A label or a file name can hold terminal escapes, line breaks or a right-to-left override.
    """
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def percent(value: float) -> str:
    """0.8446 as `84.5`; a share never rounds to 100.0 or 0.0 unless it is 1 or 0."""
    if 0.9995 <= value < 1:
        return "99.9"
    if 0 < value < 0.0005:
        return "0.1"
    return f"{100 * value:.1f}"


def percent_range(interval: Interval) -> str:
    """(0.827, 0.861) as `82.7-86.1`."""
    return f"{100 * interval[0]:.1f}{DASH}{100 * interval[1]:.1f}"


def estimate_text(estimate: Estimate | None) -> str:
    """`84.5 (82.7-86.1)`, or a dash where there is no value."""
    return DASH if estimate is None else f"{percent(estimate.value)} ({percent_range(estimate.interval)})"


def loss_text(estimate: Estimate | None) -> str:
    """`0.354 (0.331-0.380)`, or a dash."""
    if estimate is None:
        return DASH
    return f"{estimate.value:.3f} ({loss_range(estimate.interval)})"


def loss_range(interval: Interval) -> str:
    """(0.331, 0.380) as `0.331-0.380`."""
    return f"{interval[0]:.3f}{DASH}{interval[1]:.3f}"


def points(value: float) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{100 * value:+.1f}".replace("-", MINUS)


def lead_text(baseline: Baseline) -> str:
    """`+3.2 (+1.5 to +4.8)`."""
    low, high = baseline.lead.interval
    return f"{points(baseline.lead.value)} ({points(low)} to {points(high)})"


def count_text(n: int, one: str, many: str = "") -> str:
    """`1 row`, `2,000 rows`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def data_text(data: DataRecord) -> str:
    """The file, its rows and what was found amiss in them."""
    parts = [printable(data.name), count_text(data.n_rows, "row")]
    parts += [f"{data.n_rejected:,} rejected"] if data.n_rejected else []
    parts += [count_text(data.n_duplicates, "duplicate")] if data.n_duplicates else []
    parts += [count_text(data.n_conflicts, "text") + " with two labels"] if data.n_conflicts else []
    if data.fixes is not None:
        parts.append(f"{data.fixes.n_relabelled:,} relabelled and {data.fixes.n_dropped:,} dropped by fixes")
    return " · ".join(parts)


def source_text(source: TestRecord | None) -> str:
    """Where the test rows came from."""
    if source is None:
        return "rows that took no part in the training"
    if source.kind == "file":
        return f"the file {printable(source.data.name)}" if source.data is not None else "a file of their own"
    if source.kind == "nested cross-validation":
        return "nested cross-validation: each row is tested by a classifier that never saw it"
    drawn = "drawn label by label" if source.kind == "stratified hold-out" else "drawn at random"
    return f"rows held out of the same file, {drawn}"


def search_text(search: SearchRecord) -> str:
    """How C was chosen."""
    if len(search.Cs) == 1:
        return f"C = {search.chosen_C:g}, given"
    judged = (
        f"{len(search.Cs)} by {printable(search.scoring)} over {search.n_folds} folds, rule: {printable(search.rule)}"
    )
    left_out = f" ({len(search.not_searched)} larger ones left out: scores had fallen)" if search.not_searched else ""
    return f"C = {search.chosen_C:.4g}, chosen among {judged}{left_out}"


def features_text(features: FeaturesRecord) -> str:
    """The features, and how they were chosen where nobody named them."""
    return f"{features.spec}: {numbers_text(features)}{choice_text(features)}"


def numbers_text(features: FeaturesRecord) -> str:
    """How many numbers a text becomes, and how many of them are words."""
    words = f", {features.n_words:,} of them words and pairs of words" if features.n_words else ""
    return f"{features.n_features:,} numbers per text{words}"


def vocabulary_text(features: FeaturesRecord) -> str:
    """What of the training texts is in the artifact, for a card."""
    return (
        f"- Words: `words.json` holds the {features.n_words:,} words and pairs of words that two training texts or "
        "more have, and in how many each occurs. Look at it before you publish a model of private texts."
    )


def choice_text(features: FeaturesRecord) -> str:
    """Nothing where the features were named, else that they were chosen, and on what."""
    if features.n_candidates == 1:
        return ""
    return f", chosen among {features.n_candidates} by cross-validation on the training rows"


def search_score_text(search: SearchRecord) -> str:
    """The score that chose C, with the reason why it is not a result."""
    value = f"{search.best_score:.4f}".rstrip("0").rstrip(".")
    return f"search.best_score {value}: it chose C, so it flatters; it is no test score"


def precision_facts(record: TrainingRecord) -> tuple[tuple[str, str], ...]:
    """Why the encoder read in this precision, where anything but float32 was asked for."""
    chosen = record.precision
    if chosen is None or chosen.asked == "float32":
        return ()
    wish = "as asked" if chosen.used == chosen.asked else f"{chosen.asked} was asked for"
    return (("Precision", f"{chosen.used} ({wish}): {printable(chosen.reason)}"),)


def seconds_text(record: TrainingRecord) -> str:
    """Where the time went."""
    seconds = record.seconds
    n_read = record.features.n_read
    source = f"{count_text(n_read, 'sentence')} read now" if n_read else "all rows were kept, no sentence was read"
    read = f"{seconds.read:.1f} getting the rows ({source})"
    return f"{seconds.total:.1f} s: {read}, {seconds.search:.1f} searching C, {seconds.evaluate:.1f} evaluating"


def summary(record: TrainingRecord) -> list[str]:
    """A few sentences: how good, beside what, how sure, and what to be careful about."""
    test = record.test
    if test is None:
        return ["Nothing was tested: there is no telling how good this classifier is."]
    right = round(test.accuracy.value * test.n)
    low, high = (percent(limit) for limit in test.accuracy.interval)
    got = f"Of {count_text(test.n, 'test text')} the classifier labelled {right:,} correctly"
    said = [
        f"{got}: {percent(test.accuracy.value)} %.",
        f"On other texts of the same kind, expect between {low} % and {high} % (95 % interval).",
    ]
    return said + [_beside(baseline) for baseline in record.baselines] + cautions(record)


def cautions(record: TrainingRecord) -> list[str]:
    """What makes the scores, or the features, less than they seem; the record's own warnings come beside these."""
    features = record.features
    if not features.n_cut:
        return []
    cut = f"{features.n_cut:,} of {features.n_texts:,} texts"
    return [f"{cut} were longer than {features.max_length} word pieces and lost their end."]


def leaks_text(record: TrainingRecord) -> list[str]:
    """That test texts were learned from, for reports that do not show the record's warnings, which name the lines."""
    n_leaks = 0 if record.test_source is None else record.test_source.n_leaks
    if not n_leaks:
        return []
    found = "test text is a training text" if n_leaks == 1 else "test texts are training texts"
    return [f"{n_leaks:,} {found} too: the scores flatter by up to that share."]


def _beside(baseline: Baseline) -> str:
    scored = f"{baseline.name[0].upper()}{baseline.name[1:]} reaches {percent(baseline.accuracy.value)} %"
    return f"{scored}, a difference of {lead_text(baseline)} points: {verdict(baseline.lead)}."


def verdict(lead: PairedDifference) -> str:
    """What a lead means, in a few words."""
    low, high = lead.interval
    if low > 0:
        return "a lead beyond chance"
    return "behind it, beyond chance" if high < 0 else "could be chance"


def calibration_text(found: CalibrationRecord) -> str:
    """One sentence: `Calibrated by a temperature of 0.92, since ...`."""
    if found.way == "none":
        said = "Not calibrated"
    elif found.temperature is not None:
        said = f"Calibrated by a temperature of {found.temperature:.3g}"
    else:
        said = "Calibrated by an isotonic map"
    if found.asked != "auto":
        return f"{said}, as asked."
    tried = ", ".join(f"{candidate.way} {candidate.log_loss:.4f}" for candidate in found.candidates)
    losses = f" (held-out log loss: {tried})" if len(found.candidates) > 1 else ""
    return f"{said}: {found.why}{losses}."
