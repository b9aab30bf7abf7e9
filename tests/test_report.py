"""The report page: what it says, that it stands alone, and that nothing of the data can break out of it."""

import base64
import copy
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gobelin.evaluation.report import (
    compare_sentence,
    render,
    render_compare,
    sentence,
    write_compare,
    write_report,
)


def ci(value: float, half: float = 0.008) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def figures(recall: float, ndcg: float, coverage: float, half: float = 0.008) -> dict[str, Any]:
    found = {
        "precision@20": ci(recall / 8, half / 8),
        "recall@20": ci(recall, half),
        "f1@20": ci(recall / 4.6, half / 5),
        "accuracy@20": ci(0.9934, 0.0001),
        "hit_rate@20": ci(min(0.99, recall * 1.2), half),
        "ndcg@20": ci(ndcg, half / 2),
        "map@20": ci(ndcg * 0.7, half / 2),
        "mrr@20": ci(ndcg * 0.8, half / 2),
        "coverage@20": ci(coverage, 0.01),
        "gini@20": ci(1 - coverage * 0.8, 0.01),
        "novelty@20": ci(8 + coverage * 3, 0.05),
        "diversity_category@20": ci(0.62, 0.01),
        "diversity_content@20": ci(0.41, 0.01),
        "popularity_bias@20": ci(0.9 - coverage, 0.03),
    }
    return found | {"recall@10": ci(recall * 0.7, half), "ndcg@10": ci(ndcg * 0.85, half / 2)}


def model(role: str, senses: list[str], recall: float, ndcg: float, coverage: float, **more: Any) -> dict[str, Any]:
    return {
        "role": role,
        "senses": senses,
        "settings": {"regularisation": 100.0, "alpha": {"text": 10.0, "image": 3.0}},
        "trials": 40,
        "validation": {"recall@20": recall - 0.003, "ndcg@20": ndcg - 0.002},
        "metrics": figures(recall, ndcg, coverage),
        "seconds": {"search": 41.2, "fit": 1.21, "score": 0.37},
        **more,
    }


def full_report() -> dict[str, Any]:
    """A run as report.json tells it, with every section: figures near those of BASELINES."""
    chosen, text, image = "weave", "weave: text", "weave: image"
    people = [
        {
            "user": f"w0000{n}",
            "history": [item(n * 7 + i, kind="purchase" if i % 3 else "view") for i in range(5 + n * 5)],
            "recommended": [item(n * 5 + i, score=1.0 - i / 20, hit=i == 2, variant=i == 4) for i in range(12)],
            "held_out": [item(n * 5 + 2), item(n + 90)],
        }
        for n in range(1, 4)
    ]
    popular = [("0-5 events", 0.035, 0.174), ("6-15 events", 0.107, 0.229), ("16-50 events", 0.239, 0.282),
               ("over 50 events", 0.431, 0.377)]  # fmt: skip
    active = [("1-5 events", 0.27, 0.21), ("6-15 events", 0.295, 0.231), ("16-50 events", 0.31, 0.262)]
    return {
        "asked": {"dataset": "hm_week", "command": "gobelin run hm_week --split random --out runs/first",
                  "recipe": "weave", "split": "random", "seed": 0, "metric": "recall+ndcg@20"},
        "dataset": {"name": "hm_week", "users": 12049, "items": 9790, "events": 68331, "pairs": 64804,
                    "density": 0.00228, "kinds": {"purchase": 68331}, "first": 1600214400, "last": 1600732800,
                    "positive": "every purchase"},
        "health": {
            "rows": {"items": 9790, "interactions": 68331, "repeated events": 3527},
            "coverage": {"text": {"items_share": 0.9981, "events_share": 0.9995},
                         "image": {"items_share": 0.9954, "events_share": 0.9991}},
            "suspects": [{"column": "product_code", "why": "names the variants of one product", "distinct": 5210},
                         {"column": "image", "why": "nearly unique", "distinct": 9745}],
            "warnings": ["45 items have no picture.", {"message": "3 people bought over 60 items in a week."}],
            "advice": ["Enough for every model: 5.7 choices a person.",
                       "Use --split random to compare with published figures, --split time to foretell."],
        },
        "encoders": {
            "text": {"modality": "text", "dim": 512, "items": 9790, "present": 9788, "encoded": 0, "cached": 9788,
                     "absent": {"empty": 2}, "seconds": 0.21},
            "image": {"modality": "image", "dim": 1280, "items": 9790, "present": 9745, "encoded": 10, "cached": 9735,
                      "absent": {"no picture": 41, "broken": 4}, "seconds": 1.4},
            "attributes": {"modality": "attributes", "dim": 412, "items": 9790, "present": 9790, "encoded": 9790,
                           "cached": 0, "absent": {}, "seconds": 0.8},
        },
        "split": {"kind": "random", "seed": 0, "users": 8925, "items": 3186, "train": 46270, "validation": 9267,
                  "test": 9267, "core": 5, "counts": {"pairs repeated": 3527, "outside_the_core": 8812}},
        "models": {
            "weave": model("chosen", ["text", "image", "attributes"], 0.2807, 0.1416, 0.71),
            "weave, refit": model("refit", ["text", "image", "attributes"], 0.3113, 0.1579, 0.73),
            "weave: log": model("ablation", [], 0.2200, 0.1154, 0.55),
            text: model("ablation", ["text"], 0.2721, 0.1379, 0.69),
            image: model("ablation", ["image"], 0.2463, 0.1273, 0.66),
            "weave: text + image": model("ablation", ["text", "image"], 0.2758, 0.1377, 0.70),
            "popularity": model("baseline", [], 0.0510, 0.0203, 0.01),
            "item neighbours (BM25)": model("baseline", [], 0.2248, 0.1195, 0.62),
            "EASE": model("baseline", [], 0.2200, 0.1154, 0.56),
            "RP3beta": model("baseline", [], 0.2180, 0.1131, 0.58),
            "implicit ALS": model("baseline", [], 0.2088, 0.1063, 0.64),
            "content neighbours": model("baseline", ["text", "image"], 0.1510, 0.0803, 0.86),
        },
        "chosen": chosen,
        "best_on_validation": chosen,
        "comparisons": [
            compared(chosen, "item neighbours (BM25)", 0.0559, 0.006),
            compared(chosen, "item neighbours (BM25)", 0.0221, 0.003, "ndcg@20"),
            compared(chosen, "weave: log", 0.0607, 0.006),
            compared("weave: text + image", text, 0.0037, 0.0041, p=0.21),
        ],
        "slices": {
            "by item popularity": [cut(name, 2300 - 100 * i, a, b) for i, (name, a, b) in enumerate(popular)],
            "by user activity": [cut(name, 3000 - 900 * i, b, a) for i, (name, a, b) in enumerate(active)],
            "by missing modality": [cut("lacks nothing", 9220, 0.22, 0.281), cut("lacks image", 21, 0.19, 0.22)],
        },
        "people": people,
        "settings": {"name": "weave", "model": {"part": "weave"}, "tune": {"trials": 40, "seconds": 300.0},
                     "encoders": {"text": {"part": "sentence"}, "image": {"part": "efficientnet"}}},
        "seconds": {"read": 0.9, "check": 1.7, "split": 0.6, "encode": 2.4, "search": 41.2, "baselines": 78.0,
                    "evaluate": 9.1},
        "memory_mb": {"read": 210, "check": 260, "split": 300, "encode": 560, "search": 910, "baselines": 1004,
                      "evaluate": 880},
        "peak_memory_mb": 1290.0,
        "versions": {"gobelin": "0.1.0", "numpy": "2.3.1", "python": "3.11.9"},
    }  # fmt: skip


def item(n: int, **more: Any) -> dict[str, Any]:
    return {"item": f"{n:04d}", "title": f"Shirt number {n} with a rather long name that needs two lines",
            "image": None, **more}  # fmt: skip


def compared(a: str, b: str, step: float, half: float, metric: str = "recall@20", p: float = 0.0002) -> dict[str, Any]:
    return {"model": a, "against": b, "metric": metric, "difference": step, "low": step - half, "high": step + half,
            "relative_low": (step - half) / 0.22, "p": p / 4, "p_corrected": p}  # fmt: skip


def cut(name: str, n: int, alone: float, chosen: float) -> dict[str, Any]:
    half = 0.5 / n**0.5
    models = {"weave: log": alone, "weave": chosen, "item neighbours (BM25)": alone + 0.005}
    told = {name: {"recall@20": ci(v, half), "ndcg@20": ci(v / 2, half)} for name, v in models.items()}
    return {"slice": name, "pairs": n, "users": n - 1, "models": told}


def cold_report() -> dict[str, Any]:
    """The same for hidden items, with the trade-off curve."""
    report = copy.deepcopy(full_report())
    report["asked"]["split"] = report["split"]["kind"] = "cold-items"
    curve = [(1, 0.2652, 0.0072), (2, 0.2619, 0.0624), (3, 0.2535, 0.1267), (4, 0.2410, 0.2063)]
    report["joint"] = {"chosen_c": 2, "curve": [{"c": c, "warm": ci(w), "cold": ci(cold), "warm_validation": w,
                                                 "cold_validation": cold} for c, w, cold in curve]}  # fmt: skip
    report["ratings"] = {"chosen": "biased MF", "left_out": {"slow MF": "It lacks an extra."},
                         "models": {"biased MF": {"metrics": {"rmse": ci(0.871), "mae": ci(0.668), "mse": ci(0.759)}},
                                    "user and item means": {"metrics": {"rmse": ci(0.901), "mae": ci(0.69),
                                                                        "mse": ci(0.81)}}}}  # fmt: skip
    return report


def compare_report() -> dict[str, Any]:
    """Three recipes over three seeds, with content stripped."""

    def runs(recall: float, step: float) -> dict[str, Any]:
        moves = {"0": -step, "1": 0.0, "2": step}
        return {seed: {"metrics": {"recall@20": ci(recall + by), "ndcg@20": ci(recall / 2 + by)}}
                for seed, by in moves.items()}  # fmt: skip

    bare = [(0.3, 0.243, 0.221, 0.2237), (0.5, 0.232, 0.220, 0.2237), (0.7, 0.224, 0.2195, 0.2237)]
    return {
        "asked": {"dataset": "hm_week", "command": "gobelin compare hm_week --recipes weave,text-image,ease --seeds 3",
                  "split": "random", "metric": "recall@20", "seeds": [0, 1, 2]},
        "dataset": {"name": "hm_week", "users": 12049, "items": 9790, "events": 68331},
        "recipes": {
            "ease": {"senses": [], "seeds": runs(0.2200, 0.002)},
            "weave": {"senses": ["text", "image", "attributes"], "seeds": runs(0.2807, 0.0017)},
            "text-image": {"senses": ["text", "image"], "seeds": runs(0.2758, 0.0015)},
        },
        "comparisons": [compared("weave", "text-image", 0.0049, 0.003), compared("weave", "ease", 0.0607, 0.004)],
        "drops": [{"field": "all", "share": share,
                   "recipes": {"weave": {"recall@20": ci(a)}, "text-image": {"recall@20": ci(b)},
                               "ease": {"recall@20": ci(c)}}} for share, a, b, c in bare],
        "versions": {"gobelin": "0.1.0"},
    }  # fmt: skip


# --- reading pages -----------------------------------------------------------------------------------------------

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks nesting while reading; keeps every element with its attributes and the text within each svg title."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.svgs: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        assert len(told) == len(attrs), f"an attribute twice on {tag}"
        self.elements.append((tag, told))
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "svg":
            assert "svg" not in self.open
            self.svgs.append({"attrs": told, "titles": [], "intervals": 0})
        if "svg" in self.open:
            self.svgs[-1]["intervals"] += "interval" in (told.get("class") or "").split()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["svg", "title"]:
            self.svgs[-1]["titles"].append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def without(*keys: str) -> dict[str, Any]:
    small = only_models("weave", "weave: log", "weave: text", "EASE") | {"people": full_report()["people"][:1]}
    return {key: value for key, value in small.items() if key not in keys}


def only_models(*names: str) -> dict[str, Any]:
    report = full_report()
    report["models"] = {name: told for name, told in report["models"].items() if name in names}
    return report


def bare(report: dict[str, Any]) -> dict[str, Any]:
    """Every interval taken away."""
    text = re.sub(r', "low": [-0-9.e]+, "high": [-0-9.e]+', "", json.dumps(report))
    return json.loads(text)


REPORTS = {
    "whole": full_report,
    "cold items": cold_report,
    "empty": dict,
    "one model": lambda: only_models("weave"),
    "no baselines": lambda: only_models("weave", "weave: log", "weave: text"),
    "a baseline alone": lambda: only_models("popularity"),
    "no models": lambda: without("models", "chosen"),
    "no intervals": lambda: bare(full_report()),
    **{f"without {key}": lambda key=key: without(key) for key in full_report()},
}


@pytest.fixture(scope="module", params=list(REPORTS))
def page(request: pytest.FixtureRequest) -> str:
    return render(REPORTS[request.param]())


@pytest.fixture(scope="module")
def whole() -> str:
    return render(full_report())


def test_every_page_is_well_formed_and_stands_alone(page: str) -> None:
    read = Page(page)
    assert len(set(read.ids)) == len(read.ids)
    assert not read.all("script") and not read.all("link")
    for _, attrs in read.elements:
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "xlink:href", "action", "srcset"):
            address = attrs.get(name)
            assert address is None or address.startswith(("data:image/", "#"))
            if address and address.startswith("#"):
                assert address[1:] in read.ids
    assert "url(" not in page and "@import" not in page
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", re.sub(r"<style>.*?</style>", "", page, flags=re.S))


def test_every_drawing_has_a_title_and_says_it_to_those_who_do_not_see(page: str) -> None:
    for svg in Page(page).svgs:
        assert svg["titles"] and svg["titles"][0].strip()
        if svg["attrs"].get("aria-hidden") != "true":
            assert svg["attrs"]["role"] == "img"
            assert (svg["attrs"]["aria-label"] or "").startswith(svg["titles"][0])


def test_every_plot_of_measured_figures_draws_intervals_and_plots_of_seconds_say_why_not(whole: str) -> None:
    for html in (whole, render(cold_report()), render_compare(compare_report())):
        plots = [svg for svg in Page(html).svgs if "plot" in (svg["attrs"].get("class") or "")]
        timed = [svg for svg in plots if svg["titles"][0].startswith("All in all")]
        assert len(plots) >= 4
        assert all(svg["intervals"] > 0 for svg in plots if svg not in timed)
    assert "so without an interval" in whole
    curve = cold_report()
    for point in curve["joint"]["curve"]:
        point.update(warm=point["warm_validation"], cold=point["cold_validation"])
    assert "measured without intervals" in render(curve)


def test_tables_have_captions_and_scoped_heads(whole: str) -> None:
    read = Page(whole)
    assert len(read.all("caption")) == len(read.all("table")) > 6
    assert all(attrs.get("scope") in ("col", "row") for attrs in read.all("th"))
    assert [tag for tag, _ in read.elements].count("h1") == 1


HOSTILE = '"><script>alert(1)</script><img src=x onerror="alert(1)">&'


def test_nothing_of_the_data_can_break_out_of_the_page() -> None:
    text = json.dumps(full_report() | {"joint": cold_report()["joint"], "ratings": cold_report()["ratings"]})
    report = json.loads(text)
    report["people"][0]["recommended"][0].update(title=HOSTILE, item=HOSTILE, attribute=HOSTILE, image=HOSTILE)
    report["people"][0]["user"] = report["dataset"]["name"] = report["asked"]["command"] = HOSTILE
    report["health"]["advice"].append(HOSTILE)
    report["models"][HOSTILE] = report["models"].pop("EASE")
    report["encoders"][HOSTILE] = report["encoders"].pop("image")
    report["slices"][HOSTILE] = report["slices"].pop("by item popularity")
    report["slices"][HOSTILE][0]["slice"] = HOSTILE
    report["seconds"][HOSTILE] = 3.0
    for html in (
        render(report),
        render_compare({"recipes": {HOSTILE: {"seeds": {HOSTILE: {"metrics": {HOSTILE: 0.5}}}}}}),
    ):
        read = Page(html)
        assert not read.all("script")
        assert not any("onerror" in attrs for _, attrs in read.elements)
        assert "&lt;script&gt;" in html


# --- the sentence ------------------------------------------------------------------------------------------------


def duel(chosen: float, rival: float, **more: Any) -> dict[str, Any]:
    """weave against EASE, and nothing else."""
    models = {"weave": model("chosen", ["text"], chosen, chosen / 2, 0.5),
              "EASE": model("baseline", [], rival, rival / 2, 0.5)}  # fmt: skip
    return {"dataset": {"name": "shop"}, "asked": {"metric": "ndcg@20"}, "models": models, "chosen": "weave",
            "best_on_validation": "weave" if chosen > rival else "EASE", **more}  # fmt: skip


def test_the_sentence_names_a_win_beyond_the_noise() -> None:
    report = duel(0.2807, 0.2248, comparisons=[compared("weave", "EASE", 0.0559, 0.006)])
    assert sentence(report) == (
        "On shop, weave finds 28.1 % of what people chose next in its first 20 suggestions "
        "(95 % interval 27.3 to 28.9); the best baseline, EASE, finds 22.5 %: the difference of 5.6 points "
        "(5.0 to 6.2) is beyond the noise."
    )


def test_the_sentence_reads_a_comparison_made_the_other_way_round() -> None:
    turned = duel(0.2807, 0.2248, comparisons=[compared("EASE", "weave", -0.0559, 0.006)])
    assert sentence(turned).endswith("the difference of 5.6 points (5.0 to 6.2) is beyond the noise.")


@pytest.mark.parametrize(
    "row",
    [compared("weave", "EASE", 0.003, 0.004, p=0.2), compared("weave", "EASE", 0.003, 0.002, p=0.08)],
    ids=["interval holds nought", "corrected p is large"],
)
def test_the_sentence_says_plainly_when_a_lead_is_within_the_noise(row: dict[str, Any]) -> None:
    told = sentence(duel(0.31, 0.307, comparisons=[row]))
    assert "the best baseline, EASE, finds 30.7 %" in told
    assert told.endswith("is within the noise.")


def test_without_a_paired_test_the_two_intervals_decide() -> None:
    assert sentence(duel(0.31, 0.307)).endswith("the difference of 0.3 points is within the noise.")
    assert sentence(duel(0.31, 0.21)).endswith("the difference of 10.0 points is beyond the noise.")
    assert sentence(bare(duel(0.31, 0.21))).endswith("is within the noise.")


def test_a_baseline_that_is_better_on_validation_is_named_first() -> None:
    report = duel(0.21, 0.25, comparisons=[compared("weave", "EASE", -0.04, 0.01)])
    told = sentence(report)
    assert told.startswith(
        "On validation a baseline, EASE, did better than weave (NDCG@20 0.123 against 0.103). On shop, "
    )
    assert (
        "a baseline, EASE, finds more, 25.0 %: the difference of 4.0 points (3.0 to 5.0) is beyond the noise." in told
    )
    del report["best_on_validation"]
    assert sentence(report) == told


def test_a_baseline_better_on_validation_is_named_even_where_the_test_says_otherwise() -> None:
    report = duel(0.28, 0.22, comparisons=[compared("weave", "EASE", 0.06, 0.01)], best_on_validation="EASE")
    report["models"]["EASE"]["validation"]["ndcg@20"] = 0.3
    told = sentence(report)
    assert told.startswith("On validation a baseline, EASE, did better than weave (NDCG@20 0.300 against 0.138).")
    assert told.endswith("beyond the noise.")


def test_the_best_baseline_is_the_one_that_validation_chose_not_the_luckiest_on_test() -> None:
    report = full_report()
    report["models"]["EASE"]["validation"] = {"recall@20": 0.26, "ndcg@20": 0.13}
    assert "the best baseline, EASE, finds 22.0 %" in sentence(report)


def test_the_sentence_copes_with_what_is_missing() -> None:
    alone = duel(0.28, 0.22)
    del alone["models"]["EASE"], alone["best_on_validation"]
    assert sentence(alone).endswith(
        "(95 % interval 27.2 to 28.8); no baseline was run, so nothing says whether a simpler method would do as well."
    )
    unjudged = duel(0.28, 0.22)
    unjudged["models"]["weave"]["metrics"] = {}
    assert sentence(unjudged).startswith("weave was fitted on everything")
    assert sentence({}) == "No model was fitted, so there is nothing to say yet."
    unnamed = duel(0.28, 0.22, dataset={})
    assert sentence(unnamed).startswith("weave finds 28.0 %")


def test_the_sentence_says_that_items_were_new_and_uses_another_metric_where_recall_is_missing() -> None:
    assert "of what people chose next from among new items in its first 20" in sentence(cold_report())
    report = duel(0.28, 0.22)
    for told in report["models"].values():
        told["metrics"] = {"ndcg@20": told["metrics"]["ndcg@20"]}
    assert sentence(report).startswith("On shop, weave reaches NDCG@20 0.140 (95 % interval 0.136 to 0.144)")


# --- what the page shows -----------------------------------------------------------------------------------------


def cells(html: str, caption: str) -> dict[str, list[str]]:
    """Rows of a table by its caption, as plain words."""
    table = next(part for part in re.findall(r"<table.*?</table>", html, re.S) if caption in part)
    rows = {}
    for row in re.findall(r"<tr.*?</tr>", table.split("<tbody>")[1], re.S):
        found = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        plain = [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", one, flags=re.S).split()) for one in found]
        rows[plain[0]] = plain[1:]
    return rows


def test_the_table_marks_roles_and_the_best_by_a_word_and_a_refit_does_not_compete(whole: str) -> None:
    rows = cells(whole, "What the models find")
    assert rows["weave chosen"][1] == "best 28.1 27.3–28.9"
    assert rows["weave, refit refit"][1] == "31.1 30.3–31.9"
    assert rows["EASE baseline"][2] == "0.115 0.111–0.119"
    assert next(iter(rows)) == "weave chosen" and list(rows)[-1] == "weave, refit refit"
    lists = cells(whole, "What their lists of 20 are like")
    assert lists["content neighbours baseline"][:2] == ["best 86.0 85.0–87.0", "best 0.312 0.302–0.322"]
    assert not any("best" in row[2] for row in lists.values())  # more novelty is not better


def test_other_list_lengths_wait_in_details(whole: str) -> None:
    html = whole
    assert "Among 10 suggestions" in html.split("Shorter and longer lists")[1]
    assert "Among 10 suggestions" not in html.split("Shorter and longer lists")[0]


def test_comparisons_are_told_in_points_and_in_a_word(whole: str) -> None:
    table = re.findall(r"<table.*?</table>", whole, re.S)
    rows = re.findall(r"<tr>.*?</tr>", next(t for t in table if "Differences" in t), re.S)
    plain = [" ".join(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", row, flags=re.S).split()) for row in rows]
    assert "weave item neighbours (BM25) Recall@20 +5.59 4.99 to 6.19 22.7 % &lt; 0.001 more" in plain
    assert "weave: text + image weave: text Recall@20 +0.37 −0.04 to 0.78 −0.2 % 0.210 within the noise" in plain


def test_findings_are_composed_from_the_numbers() -> None:
    titles = [svg["titles"][0] for svg in Page(render(cold_report())).svgs]
    for wanted in (
        "weave finds 5.6 points more than the best baseline, item neighbours (BM25)",
        "Text adds 5.2 points to the log, pictures 2.6, all together 6.1",
        "Content helps most where behaviour is thin: 13.9 points more on items with 0–5 events, and costs 5.4 points "
        "on items with over 50 events",
        "With new items weighed up 2 times, 6.2 % of what people chose among new items is found, for 1.2 % less among "
        "known ones",
        "weave shows 71 % of the catalogue; the widest, content neighbours, 86 %",
        "All in all 2 min 14 s; baselines took 58 % of it",
        "Of 100 things that a person chose next, weave had suggested 28",
    ):
        assert wanted in titles


def test_content_that_adds_nothing_is_said_to_add_nothing() -> None:
    report = full_report()
    report["comparisons"] = [compared("weave", "weave: log", 0.002, 0.004, p=0.4)]
    assert "What items say and show adds nothing beyond the noise here" in render(report)


def test_small_slices_are_called_rough(whole: str) -> None:
    rows = cells(whole, "Recall@20 by missing modality")
    assert "lacks image rough" in rows and "lacks nothing" in rows


def test_the_health_section_draws_whatever_it_is_given(whole: str) -> None:
    html = whole
    assert "3 people bought over 60 items in a week." in html and "45 items have no picture." in html
    assert "names the variants of one product" in html
    assert cells(html, "Coverage")["text"] == ["99.8 %", "100.0 %"]
    deep = {"health": {"a": {"b": {"c": [1, {"d": [2, 3]}]}}, "empty": [], "none": None, "flag": True, "text": "words"}}
    assert "d 2, 3" in render(deep)


# --- people and pictures -----------------------------------------------------------------------------------------


def png(size: tuple[int, int] = (400, 200)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 40, 40)).save(out, "PNG")
    return out.getvalue()


def with_image(name: str | None) -> dict[str, Any]:
    report = without("models", "slices", "health", "encoders")
    report["people"] = [{"user": "ana", "history": [], "recommended": [{"item": "1", "title": "Cup", "image": name,
                                                                        "score": 1.0}], "held_out": []}]  # fmt: skip
    return report


def pictures_of(html: str) -> list[str]:
    return [str(attrs["src"]) for attrs in Page(html).all("img")]


def test_pictures_are_scaled_down_whole_into_the_page(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cup.png").write_bytes(png())
    (uri,) = pictures_of(render(with_image("images/cup.png|images/back.png"), tmp_path))
    kind, data = uri.split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as small:
        assert kind == "data:image/webp" and small.size == (176, 88)
    (again,) = pictures_of(render(with_image("cup"), lambda name: png() if name == "cup" else None))
    assert again == uri


@pytest.mark.parametrize(
    "image", [None, "", "images/none.png", "../secret.png", "/etc/hostname", "images/broken.png", "images"]
)
def test_a_missing_or_broken_picture_or_one_outside_the_folder_becomes_cloth(image: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "images" / "broken.png").write_bytes(png()[:40])
    html = render(with_image(image), folder)
    assert pictures_of(html) == []
    assert [attrs for attrs in Page(html).all("use") if str(attrs["href"]).startswith("#weave-")]


def test_cloth_takes_its_colour_from_the_attribute() -> None:
    def classes(attribute: str) -> str:
        report = with_image(None)
        report["people"][0]["recommended"][0]["attribute"] = attribute
        return next(str(a["class"]) for a in Page(render(report)).all("svg") if "cloth" in (a.get("class") or ""))

    assert classes("Shoes") == classes("Shoes")
    assert len({classes(name) for name in ("Shoes", "Hats", "Cups", "Bags", "Socks", "Coats")}) > 2


def test_hits_and_variants_are_marked_by_a_word_and_history_runs_newest_first() -> None:
    report = full_report()
    report["people"] = report["people"][:1]
    html = render(report)
    assert html.count('<span class="mark">hit</span>') == 1
    assert html.count('<span class="mark">variant</span>') == 1
    had = html.split("What they had, newest first")[1].split("What weave suggests")[0]
    titles = re.findall(r'<p title="Shirt number (\d+)', had)
    assert titles == [str(n) for n in range(16, 6, -1)]


# --- writing -----------------------------------------------------------------------------------------------------


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_report(full_report(), tmp_path / "run")
    assert path == tmp_path / "run" / "report.html"
    before = path.read_text(encoding="utf-8")
    assert before == render(full_report())

    def fails(name: str) -> bytes:
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="disk"):
        write_report(with_image("cup.png"), tmp_path / "run", fails)
    assert path.read_text(encoding="utf-8") == before
    write_compare(compare_report(), tmp_path / "run")
    assert sorted(one.name for one in (tmp_path / "run").iterdir()) == ["compare.html", "report.html"]


# --- several recipes, several seeds ------------------------------------------------------------------------------


def test_compare_takes_mean_and_spread_over_seeds() -> None:
    html = render_compare(compare_report())
    Page(html)
    rows = cells(html, "Mean ± standard deviation over 3 seeds")
    assert rows["weave"][0] == "best 28.1 ± 0.2"  # .2790 .2807 .2824: sd .0017
    assert rows["ease"][0] == "22.0 ± 0.2"
    assert list(rows) == ["weave", "text-image", "ease"]
    assert "weave is ahead of text-image in every seed" in html


def test_the_sentence_of_compare_names_the_first_and_the_next() -> None:
    assert compare_sentence(compare_report()) == (
        "On hm_week, over 3 seeds, weave comes first with Recall@20 28.1 ± 0.2 %; next is text-image, 27.6 %: "
        "the difference of 0.5 points (0.2 to 0.8) is beyond the noise."
    )
    untested = compare_report() | {"comparisons": []}
    assert compare_sentence(untested).endswith("next is text-image, 27.6 %.")
    one = compare_report()
    one["recipes"] = {"weave": one["recipes"]["weave"]}
    assert compare_sentence(one).endswith("it was compared with nothing.")
    assert compare_sentence({}) == "No recipe was judged, so there is nothing to compare."
    Page(render_compare({}))
    Page(render_compare(one))


def test_means_given_with_the_report_are_taken_as_they_are() -> None:
    report = compare_report()
    report["recipes"]["weave"]["mean"] = {"recall@20": {"mean": 0.3, "sd": 0.01, "seeds": 3}}
    assert cells(render_compare(report), "Mean ±")["weave"][0] == "best 30.0 ± 1.0"


def test_the_robustness_curve_says_who_is_ahead_when_content_is_stripped() -> None:
    report = compare_report()
    assert (
        "weave loses 20 % with 70 % of items stripped of everything they say and show, level with ease"
        in render_compare(report)
    )
    report["drops"][-1]["recipes"]["weave"]["recall@20"] = ci(0.2)
    assert "and falls behind ease" in render_compare(report)
    report["drops"][-1]["recipes"]["weave"]["recall@20"] = ci(0.27)
    assert "and stays ahead" in render_compare(report)
