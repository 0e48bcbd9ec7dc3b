"""Figures of the lesson's page: how long it takes to make, and how smoothly it moves in Debian's chromium.

    python tools/lesson_figures.py make train.tsv --runs 3
    python tools/lesson_figures.py frames lesson.html --throttle 4

`make` runs `frostline tutorial FILE --html` in processes of their own, once unmeasured so that rows are kept, and tells
seconds and processor seconds. `frames` moves every slider through all its states and touches every word piece, 60 ms
apart, while the page counts what lies between frames: 60 a second are 16.7 ms. `--throttle 4` makes the processor four
times as slow, as a phone's. Beside the frames stands the processor time of the page's one thread for each,
which does not depend on what else the machine does. Needs what `make test-browser` needs.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WATCH = """
    window.between = [];
    window.tasks = [];
    let before = performance.now();
    const frame = (now) => { between.push(now - before); before = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new PerformanceObserver(list => { for (const one of list.getEntries()) tasks.push(one.duration); })
        .observe({type: 'longtask'});
"""
MOVE = """async ([section, n]) => {
    const wait = () => new Promise(done => setTimeout(done, 60));
    between.length = tasks.length = 0;
    for (const slider of document.querySelectorAll(`#${section} input`)) {
        for (let to = 0; to <= Math.min(Number(slider.max), n); to++) {
            slider.value = to;
            slider.dispatchEvent(new Event("input"));
            await wait();
        }
    }
    await new Promise(done => setTimeout(done, 400));
    return [between, tasks];
}"""
TOUCH = """async (n) => {
    between.length = tasks.length = 0;
    for (const piece of [...document.querySelectorAll("#ids [data-piece], #table [data-row]")].slice(0, n)) {
        piece.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
        await new Promise(done => setTimeout(done, 60));
    }
    return [between, tasks];
}"""


def made(path: Path, runs: int) -> None:
    """Seconds of the whole command."""
    wall, used = [], []
    with tempfile.TemporaryDirectory() as place:
        command = [
            sys.executable,
            "-m",
            "frostline",
            "tutorial",
            str(path),
            "--html",
            f"{place}/lesson.html",
            "--overwrite",
        ]
        for run in range(runs + 1):
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
            after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
            if run:
                wall.append(seconds)
                used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        size = Path(f"{place}/lesson.html").stat().st_size / 1e6
    for what, each in (("seconds", wall), ("processor seconds", used)):
        print(f"{what}: median {statistics.median(each):.1f} ({min(each):.1f} to {max(each):.1f}, n = {runs})")
    print(f"size: {size:.2f} MB")


def moved(path: Path, throttle: float) -> None:
    """What lies between frames while the page moves."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 1200, "height": 900}, bypass_csp=True).new_page()
        page.goto(path.resolve().as_uri())
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        session.send("Emulation.setCPUThrottlingRate", {"rate": throttle})

        def used_s() -> float:
            metrics = session.send("Performance.getMetrics")["metrics"]
            return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

        page.evaluate(WATCH)
        moves = page.evaluate("[...document.querySelectorAll('main')][0].querySelectorAll('figure.moves').length")
        sections = page.evaluate("[...document.querySelectorAll('figure.moves')].map(one => one.closest('section').id)")
        for section in sections[:moves]:
            page.locator(f"#{section} figure").scroll_into_view_if_needed()
            before = used_s()
            between, tasks = page.evaluate(MOVE, [section, 30])
            tell(section, between, tasks, used_s() - before)
        page.locator("#attention figure").scroll_into_view_if_needed()
        before = used_s()
        between, tasks = page.evaluate(TOUCH, 20)
        tell("touched", between, tasks, used_s() - before)
        browser.close()


def tell(what: str, between: list[float], tasks: list[float], used_s: float) -> None:
    """Frames that came late are those that took longer than one and a half of 60 a second."""
    late = sum(each > 25 for each in between)
    ordered = sorted(between)
    shown = f"median {statistics.median(ordered):.1f} ms, 95 % within {ordered[int(0.95 * (len(ordered) - 1))]:.1f} ms"
    thread = f"{1000 * used_s / len(between):.1f} ms of the page's thread each"
    print(f"{what}: {len(between)} frames, {shown}, {thread}, {late} late, longest task {max(tasks, default=0):.0f} ms")


def main() -> None:
    """One figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "frames"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--throttle", type=float, default=1)
    asked = parser.parse_args()
    if asked.what == "make":
        made(asked.path, asked.runs)
    else:
        moved(asked.path, asked.throttle)


if __name__ == "__main__":
    main()
