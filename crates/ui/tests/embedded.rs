//! What is embedded can be shown: every file that the page asks for is there, and the page has no other wishes.

#[test]
fn the_page_asks_only_for_files_that_are_there() {
    let Some(index) = lingshao_ui::index() else {
        let notice = lingshao_ui::notice();
        for words in ["图表页面", "pages", "LINGSHAO_REQUIRE_UI=1 cargo build --release"] {
            assert!(notice.contains(words), "{words} is not in {notice}");
        }
        assert!(!notice.contains("<script"), "{notice}");
        return;
    };
    assert_eq!(lingshao_ui::notice(), "");
    assert_eq!(index.content_type, "text/html; charset=utf-8");
    let page = std::str::from_utf8(index.plain).expect("the page is text");
    assert!(page.contains(lingshao_ui::NONCE_PLACE), "{page}");
    let wishes: Vec<&str> = [" src=\"", " href=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(2 < wishes.len(), "a script, a style and an icon at least: {page}");
    for wish in wishes {
        let path = wish.strip_prefix("./").unwrap_or_else(|| panic!("`{wish}` is not relative"));
        let asset = lingshao_ui::find(path).unwrap_or_else(|| panic!("`{path}` is not embedded"));
        assert!(asset.immutable, "{path}");
        for smaller in [asset.gzip, asset.brotli].into_iter().flatten() {
            assert!(smaller.len() < asset.plain.len(), "{path}");
        }
        let large = asset.content_type.starts_with("text/") && 600 <= asset.plain.len();
        assert!(!large || asset.brotli.is_some() && asset.gzip.is_some(), "{path}");
    }
    assert!(lingshao_ui::find("index.html").is_none());
    assert!(lingshao_ui::find("assets/nothing.js").is_none());
}
