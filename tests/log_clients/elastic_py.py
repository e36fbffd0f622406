"""What elasticsearch-py does for a shop, in whatever version PYTHONPATH has first. Prints the version when all holds."""

import sys

import elasticsearch
from elasticsearch import Elasticsearch, helpers

client = Elasticsearch(sys.argv[1])
assert client.info()["version"]["number"].startswith("8."), client.info()
assert client.ping() and client.cluster.health()["status"] in ("green", "yellow")

client.indices.create(
    index="shop",
    mappings={"properties": {"level": {"type": "keyword"}, "took": {"type": "float"}, "at": {"type": "date"}}},
    settings={"number_of_shards": 1},
)
assert client.indices.exists(index="shop") and not client.indices.exists(index="none")


def record(n):
    level = "ERROR" if n % 10 == 0 else "INFO"
    return {"@timestamp": f"2025-06-15T08:{n // 60 % 60:02}:{n % 60:02}+08:00", "level": level, "n": n,
            "message": f"支付失败 {n}" if n % 10 == 0 else f"ok {n}", "took": n / 4}


actions = ({"_op_type": "create", "_index": "shop", "_id": f"id-{n}", "_source": record(n)} for n in range(1200))
stored, errors = helpers.bulk(client, actions, chunk_size=500, refresh="wait_for")
assert (stored, errors) == (1200, []), errors
# The shipper sends again what it got no answer for.
again = [{"_op_type": "create", "_index": "shop", "_id": f"id-{n}", "_source": record(n)} for n in range(3)]
assert helpers.bulk(client, again)[0] == 3
assert client.count(index="shop")["count"] == 1200

found = client.search(
    index="shop",
    size=3,
    query={"bool": {"must": [{"match": {"message": "支付失败"}}], "filter": [{"range": {"n": {"gte": 100}}}]}},
    sort=[{"n": "asc"}],
    aggs={"levels": {"terms": {"field": "level"}, "aggs": {"took": {"max": {"field": "took"}}}}},
)
assert found["hits"]["total"] == {"value": 110, "relation": "eq"}, found["hits"]["total"]
assert [hit["_source"]["n"] for hit in found["hits"]["hits"]] == [100, 110, 120]
assert found["aggregations"]["levels"]["buckets"] == [{"key": "ERROR", "doc_count": 110, "took": {"value": 297.5}}]

# Scroll, as helpers.scan does it.
scanned = sorted(hit["_source"]["n"] for hit in helpers.scan(client, index="shop", size=250, query={"query": {"term": {"level": "ERROR"}}}))
assert scanned == list(range(0, 1200, 10)), len(scanned)

# A point in time, page by page; what comes later is not in it.
point = client.open_point_in_time(index="shop", keep_alive="1m")["id"]
client.index(index="shop", document={"n": 5000, "level": "INFO"}, refresh=True)
pages, after = [], None
while True:
    more = {"search_after": after} if after else {}
    page = client.search(size=500, pit={"id": point, "keep_alive": "1m"}, sort=[{"n": "desc"}], **more)
    if not page["hits"]["hits"]:
        break
    pages.append([hit["_source"]["n"] for hit in page["hits"]["hits"]])
    after = page["hits"]["hits"][-1]["sort"]
assert [len(page) for page in pages] == [500, 500, 200] and sum(pages, []) == list(range(1199, -1, -1))
assert client.close_point_in_time(id=point)["succeeded"]
assert client.count(index="shop")["count"] == 1201

# What is wrong with one item is that item's.
mixed = [
    {"_op_type": "index", "_index": "shop", "_source": {"n": 6000}},
    {"_op_type": "update", "_index": "shop", "_id": "id-1", "doc": {"n": 1}},
    {"_op_type": "delete", "_index": "shop", "_id": "id-1"},
]
outcomes = list(helpers.streaming_bulk(client, mixed, raise_on_error=False))
assert [ok for ok, _ in outcomes] == [True, False, False], outcomes
assert [next(iter(item.values()))["status"] for _, item in outcomes] == [201, 400, 400], outcomes
try:
    client.search(index="shop", query={"query_string": {"query": "level:("}})
    raise AssertionError("a query that cannot be read")
except elasticsearch.BadRequestError as error:
    assert "level:(" in str(error.body), error.body
try:
    client.search(index="none")
    raise AssertionError("an index that is not there")
except elasticsearch.NotFoundError as error:
    assert error.body["error"]["type"] == "index_not_found_exception", error.body
assert client.get(index="shop", id="id-7")["_source"]["message"] == "ok 7"
properties = client.indices.get_mapping(index="shop")["shop"]["mappings"]["properties"]
assert properties["level"]["type"] == "keyword" and "message" in properties, properties
assert client.indices.delete(index="shop")["acknowledged"] and not client.indices.exists(index="shop")
print(".".join(str(part) for part in elasticsearch.__version__))
