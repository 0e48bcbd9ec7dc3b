"""Sweeps, comparisons and reviews as they are shown, compared letter by letter with the files in `expected_texts`."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from expected import assert_expected, drawn_parts, rounded_json
from frostline.encoder.features import POOLINGS, Block
from frostline.encoder.precision import PrecisionRecord
from frostline.errors import UsageError
from frostline.evaluate.paired import Difference, PairedDifference, Score
from frostline.record import DataRecord
from frostline.report.document import as_comparison_document, as_sweep_document
from frostline.report.lines import shade
from frostline.report.phrases import DASH, MINUS
from frostline.report.review import as_review_document, print_review
from frostline.report.sweep import plot_sweep, print_comparison, print_sweep, refuse_plot
from frostline.review.results import (
    LabelSummary,
    Leaked,
    NearText,
    Outlier,
    PoolSummary,
    Repeated,
    Review,
    Wanted,
    WrongLabel,
)
from frostline.sweep.candidates import Candidate
from frostline.sweep.compare import Comparison, Standing
from frostline.sweep.run import Sweep, SweepTest, Trial
from small_records import encoder, evaluation, full_record

DATA = DataRecord(
    name="reviews.tsv", sha256="ab" * 32, size_bytes=9, n_rows=1400, label_counts={"bad": 900, "good": 500}
)
LONG = "0123456789" * 50


def printed(show: Callable[[Console], None], *, colour: bool = False, width: int = 120) -> str:
    out = io.StringIO()
    show(Console(file=out, width=width, force_terminal=colour, color_system="truecolor" if colour else None))
    return "\n".join(line.rstrip() for line in out.getvalue().replace("\x1b", "^").split("\n"))


def score(value: float) -> Score:
    return Score(value=value, std_error=0.0105, interval=(value - 0.02, value + 0.0195), n=1400, over="rows")


def difference(value: float, p_value: float = 0.0321) -> Difference:
    return Difference(
        value=value,
        std_error=0.01,
        interval=(value - 0.02, value + 0.02),
        n=1400,
        over="rows",
        n_only_first=10,
        n_only_second=30,
        p_value=p_value,
    )


def trial(features: str, blocks: tuple[Block, ...], value: float, *, same: bool = False) -> Trial:
    return Trial(
        candidate=Candidate(features, blocks),
        score=score(value),
        behind=difference(value - 0.9),
        chosen_C=None if same else 0.12345,
        fold_scores=(value - 0.01, value + 0.01),
        n_features=384 * len(blocks),
        seconds=0.25,
    )


def sweep(*, n_joins: int = 10) -> Sweep:
    """An encoder of one layer; many joins are better than the tutorial's features and the chosen ones."""
    singles = [
        trial(
            f"{pooling}@{0 if layer == 0 else -1}",
            (Block(layer, pooling),),
            0.7 + 0.03 * layer + 0.02 * place,
            same=(pooling, layer) == ("cls", 0),
        )
        for place, pooling in enumerate(POOLINGS)
        for layer in (0, 1)
    ]
    joins = [
        trial(f"join {place}", (Block(0, "mean"), Block(1, "mean")), 0.9 - place / 100) for place in range(n_joins)
    ]
    by_name = {one.candidate.features: one for one in singles}
    return Sweep(
        labels=("bad", "good"),
        n=1400,
        n_folds=5,
        n_layers=1,
        encoder=encoder(),
        trials=(*singles, *joins),
        best=joins[0],
        winner=by_name["mean@0"],
        tutorial=by_name["cls@-1"],
        lead=difference(0.0123),
        test=None,
        scoring="accuracy",
        rule="fewest numbers per text within one standard error of the best",
        seed=3,
        n_texts=1400,
        n_read=1399,
        n_cut=2,
        seconds_read=12.34,
        seconds_search=5.67,
        machine=full_record().machine,
        warnings=("A first caution.", f"Another {LONG}"),
        version="9.9.9",
    )


def sweep_with_test(kind: str = "file") -> Sweep:
    found = sweep(n_joins=2)
    test = SweepTest(
        kind=kind,
        evaluation=evaluation([[60, 10], [5, 45]], ("bad", "good")),
        tutorial=evaluation([[50, 20], [15, 35]], ("bad", "good")),
        lead=PairedDifference(
            value=0.1667, interval=(0.08, 0.25), n=200, n_only_first=40, n_only_second=12, p_value=0.000123456789
        ),
        n_leaks=1,
    )
    return replace(found, test=test, winner=found.tutorial, n_read=1, warnings=())


def comparison() -> Comparison:
    def standing(name: str, value: float, p_value: float, **others: int | None) -> Standing:
        return Standing(
            encoder=name,
            features="mean@all",
            identity=encoder(name),
            score=score(value),
            behind=difference(value - 0.9, p_value),
            p_adjusted=min(1.0, 2 * p_value),
            chosen_C=0.1,
            n_features=2688,
            n_read=1400,
            n_cut=3,
            seconds_per_1000=1.234,
            n_timed=200,
            size_bytes=90_600_000,
            peak_bytes=others.get("peak_bytes", 512_400_000),
            seconds_search=0.5,
        )

    return Comparison(
        labels=("bad", "good"),
        n=1400,
        n_folds=5,
        standings=(
            standing("minilm", 0.9, 1.0),
            standing("bert", 0.89, 0.0005),
            standing("tiny", 0.85, 0.0004999, peak_bytes=None),
        ),
        scoring="accuracy",
        seed=3,
        machine=full_record().machine,
        warnings=("A caution.",),
        version="9.9.9",
    )


def review() -> Review:
    """More than three of everything that is shown by three."""
    near = tuple(
        NearText(line=90 + place, label=f"near {LONG}", text=f"near {place}", cosine=0.9) for place in range(2)
    )
    wrong = tuple(
        WrongLabel(
            rows=(place,),
            lines=(place + 2, 77),
            text=f"wrong {place} {LONG}",
            label=f"bad {LONG}",
            suggested=f"good {LONG}",
            probability=0.0449,
            probability_suggested=0.9051,
            votes=0.1,
            votes_suggested=0.9,
            score=0.95,
            near=near if place else (),
        )
        for place in range(4)
    )

    def group(kind: str, place: int, labels: str, cosine: float = 1.0) -> Repeated:
        texts = tuple(f"{kind} {place} {row}" for row in range(len(labels) if kind == "near" else 1))
        return Repeated(
            kind="near" if kind == "near" else "exact",
            rows=tuple(range(len(labels))),
            lines=tuple(place * 10 + row for row in range(len(labels))),
            labels=tuple(labels),
            texts=texts,
            cosine=cosine,
        )

    return Review(
        n_rows=1400,
        n_distinct=1390,
        labels=LabelSummary(
            n_checked=1390,
            n_flagged=7,
            chosen_C=0.1,
            n_folds=5,
            n_foldings=3,
            n_neighbours=10,
            pairs=((LONG, f"x{LONG}", 1234), ("good", "bad", 3), ("a", "b", 2), ("b", "a", 1)),
        ),
        wrong=wrong,
        repeated=(
            *(group("exact", place, "ab") for place in range(1)),
            *(group("exact", place, "aaaaaa"[: place + 3]) for place in range(4)),
            group("near", 5, "aa", 0.99),
            group("near", 6, "ab", 0.97),
            group("near", 7, "aa", 0.98),
            group("near", 8, "ab", 0.98),
        ),
        n_test=100,
        leaked=tuple(
            Leaked(
                kind="exact" if place == 0 else "near",
                test_line=place,
                test_label="a",
                test_text=f"leaked {place}",
                rows=(1,),
                lines=(2, 3),
                label="a",
                text="x",
                cosine=0.987,
            )
            for place in range(4)
        ),
        outliers=(Outlier(rows=(1,), lines=(9, 10), label=LONG, text=f"odd {LONG}", score=0.5, deviations=7.5),),
        pool=PoolSummary(name="pool.txt", n_texts=2000, n_known=100, n_repeats=30),
        wanted=tuple(
            Wanted(line=place, text=f"ask {place} {LONG}", label=LONG, probability=0.51, uncertainty=0.9)
            for place in (4, 5)
        ),
        n_read=3000,
        seconds_read=1.25,
        seconds=2.345,
        notes=("Something could not be done.",),
    )


def clean_review() -> Review:
    return replace(
        review(),
        n_rows=1,
        n_distinct=1,
        labels=None,
        wrong=(),
        repeated=(),
        n_test=None,
        leaked=(),
        outliers=(),
        pool=None,
        wanted=(),
        notes=(),
    )


def test_a_sweep_on_the_terminal() -> None:
    """The twelve best, and the chosen one and the tutorial's beneath them."""
    text = printed(lambda console: print_sweep(sweep(), DATA, console), colour=True)
    assert_expected(text, "sweep.terminal-colour.txt")


@pytest.mark.parametrize("n_joins", [5, 6, 7])
def test_the_best_twelve_of_a_sweep_are_listed(n_joins: int) -> None:
    text = printed(lambda console: print_sweep(sweep(n_joins=n_joins), DATA, console))
    assert f"The best {min(12, n_joins + 6)} of {n_joins + 6} candidates" in text
    table = text.split("candidates\n")[1].split("Chosen:", maxsplit=1)[0]
    assert table.count("(") == 2 * min(12, n_joins + 6) - 1, "each has two intervals, but the best one"


@pytest.mark.parametrize(
    ("winner", "added"),
    [
        ("join 0", ", and the tutorial's\n"),
        ("mean@0", ", and the one chosen and the tutorial's\n"),
        ("cls@-1", ", and the one chosen\n"),
    ],
)
def test_rows_beneath_the_best_are_announced(winner: str, added: str) -> None:
    found = sweep(n_joins=12)
    (chosen,) = [one for one in found.trials if one.candidate.features == winner]
    text = printed(lambda console: print_sweep(replace(found, winner=chosen), DATA, console))
    assert f"The best 12 of 18 candidates{added}" in text


def test_a_loss_is_named_as_one_and_keeps_its_minus() -> None:
    found = replace(sweep(), scoring="neg_log_loss")
    text = printed(lambda console: print_sweep(found, DATA, console))
    assert "Score by layer and pooling: minus log loss in hundredths, cross-validated" in text
    assert "score in hundredths" in text
    compared = printed(lambda console: print_comparison(replace(comparison(), scoring="neg_log_loss"), DATA, console))
    assert "Compared: minus log loss in hundredths" in compared


@pytest.mark.parametrize("kind", ["file", "stratified hold-out"])
def test_a_tested_sweep_on_the_terminal(kind: str) -> None:
    """The winner is the tutorial's own: no lead to tell of."""
    text = printed(lambda console: print_sweep(sweep_with_test(kind), DATA, console))
    assert_expected(text, f"sweep-tested-{kind.split(maxsplit=1)[0]}.terminal.txt")


def test_a_document_of_a_sweep() -> None:
    precision = PrecisionRecord(asked="auto", used="float32", reason="a reason", gate=None)
    assert_expected(rounded_json(as_sweep_document(sweep(n_joins=1), DATA, precision)), "sweep.json")


def test_a_document_of_a_tested_sweep() -> None:
    assert_expected(rounded_json(as_sweep_document(sweep_with_test(), DATA)), "sweep-tested.json")


def test_a_p_value_that_is_no_number_is_null() -> None:
    found = replace(sweep(n_joins=1), lead=difference(0.1, float("nan")))
    document = as_sweep_document(found, DATA)
    assert isinstance(document["lead"], dict)
    assert document["lead"]["p_value"] is None
    assert document["precision"] is None


def test_a_sweep_as_a_picture(tmp_path: Path) -> None:
    """Sixteen candidates with their intervals, and the heat map; names are drawn as paths, so places are compared."""
    path = tmp_path / "sweep.svg"
    plot_sweep(replace(sweep(n_joins=14), warnings=()), path)
    text = path.read_text("utf-8")
    lines = [
        line for line in drawn_parts(text).split("\n") if "#0072b2" in line or "#d55e00" in line or "#767676" in line
    ]
    names = [line.strip(" <>!-") for line in text.split("\n") if "<!--" in line]
    assert_expected("\n".join([*names, *lines]) + "\n", "sweep.plot.txt")


@pytest.mark.parametrize("name", ["plot.svg", "plot.PNG"])
def test_a_plots_name_says_its_format(name: str) -> None:
    refuse_plot(Path(name))


def test_a_plot_of_another_format_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        refuse_plot(Path("folder/plot.pdf"))
    assert str(caught.value).startswith(
        "folder/plot.pdf: the plot's name must end in .svg or .png, which says the format."
    )


@pytest.mark.parametrize(
    ("share", "style"),
    [
        (-1.0, "white on #00224e"),
        (0.0, "white on #00224e"),
        (0.05, "white on #00224e"),
        (0.06, "white on #123570"),
        (0.49, "white on #707173"),
        (0.51, "black on #8a8678"),
        (1.0, "black on #fee838"),
        (2.0, "black on #fee838"),
    ],
)
def test_shades_have_ten_steps_and_an_ink_that_can_be_read(share: float, style: str) -> None:
    assert shade(share) == style


def test_equal_scores_are_all_of_the_brightest_shade() -> None:
    found = sweep(n_joins=1)
    level = {id(one): replace(one, score=score(0.8)) for one in found.trials}
    flat = replace(
        found,
        trials=tuple(level.values()),
        winner=level[id(found.winner)],
        tutorial=level[id(found.tutorial)],
        best=level[id(found.best)],
    )
    text = printed(lambda console: print_sweep(flat, DATA, console), colour=True)
    assert text.count("48;2;254;232;56m") == 6


def test_a_comparison_on_the_terminal() -> None:
    text = printed(lambda console: print_comparison(comparison(), DATA, console), colour=True)
    assert_expected(text, "comparison.terminal-colour.txt")


def test_a_document_of_a_comparison() -> None:
    assert_expected(rounded_json(as_comparison_document(comparison(), DATA)), "comparison.json")


def test_a_review_on_the_terminal() -> None:
    text = printed(lambda console: print_review(review(), f"reviews {LONG}.tsv", console), colour=True)
    assert_expected(text, "review.terminal-colour.txt")


def test_a_document_of_a_review() -> None:
    assert_expected(rounded_json(as_review_document(review())), "review.json")


def test_a_review_that_found_nothing() -> None:
    text = printed(lambda console: print_review(clean_review(), "reviews.tsv", console))
    assert_expected(text, "review-clean.terminal.txt")


def test_a_sweep_of_80_columns_keeps_the_names_and_puts_intervals_beneath() -> None:
    text = printed(lambda console: print_sweep(sweep(), DATA, console), width=80)
    rows = [line.split() for line in text.split("\n")]
    assert ["mean@0", "384", "72.0", f"{MINUS}18.0", "0.12", "chosen"] in rows
    assert [f"(70.0{DASH}73.9)", f"({MINUS}20.0", "to", f"{MINUS}16.0)"] in rows


def test_a_comparison_of_80_columns_says_which_encoder_read_what() -> None:
    text = printed(lambda console: print_comparison(comparison(), DATA, console), width=80)
    rows = [line.split() for line in text.split("\n")]
    assert ["minilm", "90.0", "best", "1.23", "91", "512"] in rows
    assert ["mean@all", f"(87.0{DASH}91.0)", f"({MINUS}3.0", "to", "+1.0)"] in rows


def test_where_there_is_room_every_candidate_and_encoder_has_one_line() -> None:
    wide = printed(lambda console: print_comparison(comparison(), DATA, console), width=120)
    assert any(line.split()[:4] == ["minilm", "mean@all", "90.0", f"(88.0{DASH}92.0)"] for line in wide.split("\n"))
    wide = printed(lambda console: print_sweep(sweep(), DATA, console), width=120)
    assert any(line.split()[:4] == ["mean@0", "384", "72.0", f"(70.0{DASH}73.9)"] for line in wide.split("\n"))
