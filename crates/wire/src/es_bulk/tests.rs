use std::sync::Arc;

use super::*;
use crate::log_json::tests::show;

/// The plan of a body, a line an item.
fn plan_of(body: &str, default_index: Option<&str>) -> Result<String, String> {
    let mut batch = LogBatch::default();
    let items = parse(body.as_bytes(), default_index, &mut Reader::new(Arc::default()), &mut batch)
        .map_err(|error| format!("{} {}: {}", error.status, error.kind, error.reason))?;
    let lines: Vec<String> = items
        .iter()
        .map(|item| match &item.planned {
            Planned::Record(number) => {
                let record = batch.record(*number);
                let id = record.id().unwrap_or("-");
                format!("{} {}/{id}: {}", item.verb.name(), record.index(), show(record))
            }
            Planned::Refused(refusal) => {
                let Refusal { index, id, status, kind, reason } = &**refusal;
                let id = id.as_deref().unwrap_or("-");
                format!("{} {index}/{id}: {status} {kind} {reason}", item.verb.name())
            }
        })
        .collect();
    Ok(lines.join("\n"))
}

#[track_caller]
fn check(body: &str, default_index: Option<&str>, expected: &str) {
    assert_eq!(plan_of(body, default_index).as_deref(), Ok(expected), "{body}");
}

#[track_caller]
fn refused(body: &str, expected: &str) {
    assert_eq!(plan_of(body, None).unwrap_err(), expected, "{body}");
}

#[test]
fn records_are_taken_where_the_lines_say() {
    check("{\"create\":{\"_index\":\"shop\"}}\n{\"a\":1}\n", None, "create shop/-: a=1");
    check(
        "{\"index\":{}}\r\n{\"a\":1}\r\n\r\n{\"index\":{\"_index\":\"x\",\"_id\":\"7\"}}\n{\"a\":2}",
        Some("shop"),
        "index shop/-: a=1\nindex x/7: a=2",
    );
    check(
        "{\"create\":{\"_index\":\"shop\"}}\n{\"a\":1}\n{\"create\":{\"_index\":\"shop\"}}\n{\"a\":2}\n",
        None,
        "create shop/-: a=1\ncreate shop/-: a=2",
    );
    check(
        " { \"index\" : { \"_id\" : 12, \"_type\" : \"_doc\", \"routing\":null, \"pipeline\":\"p\", \"op_type\":\"create\" } } \n{\"a\":1}\n",
        Some("shop"),
        "create shop/12: a=1",
    );
    check(
        "{\"index\":{\"_id\":\"1\"}}\n{\"a\":1}\n{\"index\":{}}\n{\"a\":2}\n",
        Some("shop"),
        "index shop/1: a=1\nindex shop/-: a=2",
    );
}

#[test]
fn items_are_refused_alone() {
    check(
        "{\"index\":{\"_id\":\"1\"}}\n{\"a\":\n{\"index\":{}}\n[1]\n{\"index\":{}}\n{\"a\":2}\n",
        Some("shop"),
        "index shop/1: 400 document_parsing_exception no JSON object: expected a value at byte 5\n\
         index shop/-: 400 document_parsing_exception no JSON object: expected an object at byte 0\n\
         index shop/-: a=2",
    );
    check(
        "{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n{\"delete\":{\"_id\":\"1\"}}\n{\"create\":{}}\n{\"a\":1}\n",
        Some("shop"),
        "update shop/1: 400 illegal_argument_exception log records are immutable: [update] is not supported; send another record\n\
         delete shop/1: 400 illegal_argument_exception log records are immutable: [delete] is not supported; retention removes them by age\n\
         create shop/-: a=1",
    );
    check(
        "{\"index\":{\"_index\":\"Shop\"}}\n{\"a\":1}\n{\"index\":{\"_index\":\"a*\"}}\n{\"a\":1}\n",
        None,
        "index Shop/-: 400 invalid_index_name_exception Invalid index name [Shop], must be lowercase\n\
         index a*/-: 400 invalid_index_name_exception Invalid index name [a*], must not contain the following characters \
         ['\\','/','*','?','\"','<','>','|',' ',',','#',':'] and control characters",
    );
    check(
        "{\"index\":{\"_id\":\"\"}}\n{\"a\":1}\n{\"index\":{\"require_alias\":true}}\n{\"a\":1}\n{\"index\":{}}",
        Some("shop"),
        "index shop/: 400 illegal_argument_exception if _id is specified it must not be empty\n\
         index shop/-: 404 index_not_found_exception no such index [shop] and [require_alias] request flag is [true] \
         and [shop] is not an alias\n\
         index shop/-: 400 illegal_argument_exception the body ends before the item's document",
    );
}

#[test]
fn bodies_without_sense_are_refused_as_a_whole() {
    let invalid = "400 action_request_validation_exception: Validation Failed: 1: ";
    refused("", &format!("{invalid}no requests added;"));
    refused("\n\n", &format!("{invalid}no requests added;"));
    refused("{\"index\":{}}\n{}\n", &format!("{invalid}index is missing;"));
    let malformed = "400 illegal_argument_exception: Malformed action/metadata line ";
    refused(
        "{\"index\":{\"_index\":\"a\"}}\n{}\n[]\n",
        &format!("{malformed}[3], expected START_OBJECT but found [START_ARRAY]"),
    );
    refused("hello\n", &format!("{malformed}[1], expected START_OBJECT but found [null]"));
    refused("{}\n", &format!("{malformed}[1], expected FIELD_NAME but found [END_OBJECT]"));
    refused(
        "{\"foo\":{}}\n{}\n",
        &format!("{malformed}[1], expected field [create], [delete], [index] or [update] but found [foo]"),
    );
    refused(
        "{\"index\":7}\n{}\n",
        &format!("{malformed}[1], expected START_OBJECT but found [VALUE_NUMBER]"),
    );
    refused(
        "{\"index\":{\"_index\":{}}}\n{}\n",
        &format!("{malformed}[1], expected a simple value for field [_index] but found [START_OBJECT]"),
    );
    refused(
        "{\"index\":{\"_inde\":\"x\"}}\n{}\n",
        "400 illegal_argument_exception: Action/metadata line [1] contains an unknown parameter [_inde]",
    );
    refused("{\"index\":{\"_index\":\"x\n{}\n", &format!("{malformed}[1], a string is never closed"));
    refused("{\"index\":{}} x\n{}\n", &format!("{malformed}[1], expected END_OBJECT but found [null]"));
}

#[test]
fn more_items_than_a_shipper_sends_are_too_many() {
    let body = "{\"delete\":{\"_index\":\"a\"}}\n".repeat(ITEMS_MAX + 1);
    refused(&body, "413 illegal_argument_exception: more than 200000 items; send smaller requests");
}

#[test]
fn answers_say_what_became_of_each_item() {
    let answer = |id, outcome| Answer { verb: Verb::Create, index: "shop", id, outcome };
    let body = render(3, [answer(Some("a"), Outcome::Created { seq: 7 })]);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"errors":false,"took":3,"items":[{"create":{"_index":"shop","_id":"a","_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":7,"_primary_term":1,"status":201}}]}"#
    );
    let body = render(
        0,
        [
            answer(Some("a"), Outcome::Repeated { seq: 7 }),
            answer(Some("b"), Outcome::Conflict),
            answer(None, Outcome::Busy { reason: "the log store is busy" }),
            answer(
                None,
                Outcome::Refused { status: 400, kind: "document_parsing_exception", reason: "a \"b\"" },
            ),
        ],
    );
    let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(read["errors"], true);
    let item = |number: usize| &read["items"][number]["create"];
    assert_eq!((&item(0)["status"], &item(0)["result"]), (&200.into(), &"noop".into()));
    assert_eq!(
        (&item(1)["status"], &item(1)["error"]["type"], &item(1)["error"]["reason"]),
        (
            &409.into(),
            &"version_conflict_engine_exception".into(),
            &"[b]: version conflict, document already exists (current version [1])".into()
        )
    );
    assert_eq!(
        (&item(2)["status"], &item(2)["error"]["type"], &item(2)["_id"]),
        (&429.into(), &"es_rejected_execution_exception".into(), &serde_json::Value::Null)
    );
    assert_eq!((&item(3)["status"], &item(3)["error"]["reason"]), (&400.into(), &"a \"b\"".into()));
}
