"""The code on the guide's pages runs, and is the same in both languages."""

import re
from pathlib import Path

import pytest
from conftest import Sink

GUIDE = Path(__file__).parents[2] / "docs/guide"
PAGES = sorted(page.name.removesuffix(".md") for page in GUIDE.glob("logging-*.md") if "zh-CN" not in page.name)


def code(page, language):
    """The blocks of a page that are written in a language."""
    return re.findall(rf"^```{language}[a-z_,]*\n(.*?)^```$", (GUIDE / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_show_the_same_code(page):
    def bare(name):
        blocks = re.findall(r"^```(.*?)^```$", (GUIDE / name).read_text(), re.DOTALL | re.MULTILINE)
        return [re.sub(r"(?m)\s*(//|# | <!--).*$", "", block) for block in blocks]

    assert bare(f"{page}.md") == bare(f"{page}.zh-CN.md") and bare(f"{page}.md")


def test_the_python_page_runs(start, tmp_path):
    sink = Sink()
    source = code("logging-python.md", "python")[0]
    assert "tcp://127.0.0.1:5000" in source
    (tmp_path / "guide_shop.py").write_text(source.replace("tcp://127.0.0.1:5000", sink.target))
    shop = start("--app-dir", str(tmp_path), app="guide_shop:app")
    assert shop.ask("/api/v1/orders/9/pay", "POST")[0] == 200
    record = sink.record(logger="lingshao.request", service="lingxian", route="/api/v1/orders/{order_id}/pay", user_id="12345")
    assert sink.record(message="库存预警", left=3, request_id=record["request_id"])
