"""Drives boto3 through what S3 clients do and prints what it saw, one JSON line a step.

    python3 boto3_ops.py ENDPOINT BUCKET

Keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Two runs on two endpoints print
the same, so times and request ids are left out.
"""
import hashlib
import io
import json
import sys
import threading
import urllib.error
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, bucket = sys.argv[1:3]
s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                  config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
KEPT = ("ContentLength", "ETag", "ContentType", "ContentEncoding", "CacheControl", "Metadata", "ContentRange",
        "AcceptRanges", "ContentDisposition", "ContentLanguage", "StorageClass", "PartsCount", "DeleteMarker")


def say(step, value):
    print(json.dumps({"step": step, "value": value}, sort_keys=True, default=str), flush=True)


def facts(answer):
    kept = {k: answer[k] for k in KEPT if k in answer}
    kept["status"] = answer["ResponseMetadata"]["HTTPStatusCode"]
    if "Body" in answer and hasattr(answer["Body"], "read"):
        kept["sha256"] = hashlib.sha256(answer["Body"].read()).hexdigest()
    return kept


def attempt(step, call, **arguments):
    try:
        say(step, facts(call(Bucket=bucket, **arguments)))
    except ClientError as e:
        say(step, {"error": e.response["Error"].get("Code"), "status": e.response["ResponseMetadata"]["HTTPStatusCode"]})


def content(seed, n):
    return hashlib.shake_128(str(seed).encode()).digest(n)


def put_if_absent(**arguments):
    """put_object with If-None-Match, which older boto3 has no parameter for."""
    def add(params, **_):
        params["headers"]["If-None-Match"] = "*"
    s3.meta.events.register("before-call.s3.PutObject", add)
    try:
        return s3.put_object(**arguments)
    finally:
        s3.meta.events.unregister("before-call.s3.PutObject", add)


s3.create_bucket(Bucket=bucket)
say("bucket listed", bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]])
attempt("head bucket", s3.head_bucket)

# Small objects with every kind of header, under keys that stores and proxies like to change.
keys = ["plain", "with space", "plus+plus", "percent%25", "unicode-\u00fc-\u6587\u5b57-\U0001f525", "a/b/c", "trailing/slash/x",
        "amp&eq=q?x", "quote'and\"", "tilde~dash-._", "colon:semi;comma,", "brackets[](){}", "star*bang!", "at@hash#dollar$", "equals==",
        "items.lance/data/01101110001111111001011017c4cd44249bcaedea354c5053.lance"]
for i, key in enumerate(keys):
    attempt(f"put {key}", s3.put_object, Key=key, Body=content(i, 1000 * i + 3), ContentType="text/x-test", CacheControl="max-age=9",
            ContentEncoding="identity" if i % 2 else "gzip", Metadata={"owner": f"o{i}", "camelcase": "Kept"})
for key in keys:
    for again in ("first", "again"):
        attempt(f"get {key} {again}", s3.get_object, Key=key)
        attempt(f"head {key} {again}", s3.head_object, Key=key)
        attempt(f"range {key} {again}", s3.get_object, Key=key, Range="bytes=1-2")
        attempt(f"suffix {key} {again}", s3.get_object, Key=key, Range="bytes=-2")

# Conditions.
tag = s3.head_object(Bucket=bucket, Key="a/b/c")["ETag"]
for name, arguments in {"if-match": {"IfMatch": tag}, "if-match other": {"IfMatch": '"x"'}, "if-none-match": {"IfNoneMatch": tag},
                        "if-none-match other": {"IfNoneMatch": '"x"'}}.items():
    attempt(f"get {name}", s3.get_object, Key="a/b/c", **arguments)
    attempt(f"head {name}", s3.head_object, Key="a/b/c", **arguments)
attempt("put if absent, present", put_if_absent, Key="a/b/c", Body=b"no")
attempt("put if absent, absent", put_if_absent, Key="fresh", Body=b"yes")
attempt("get missing", s3.get_object, Key="missing")
attempt("head missing", s3.head_object, Key="missing")
attempt("get behind the end", s3.get_object, Key="plain", Range="bytes=99999-")

# Overwrites are seen, attributes too.
for i in range(3):
    attempt(f"overwrite {i}", s3.put_object, Key="plain", Body=content(f"o{i}", 5000 + i))
    attempt(f"read back {i}", s3.get_object, Key="plain")
attempt("tag", s3.put_object_tagging, Key="plain", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
say("tags", s3.get_object_tagging(Bucket=bucket, Key="plain")["TagSet"])

# Copies and renames.
attempt("copy", s3.copy_object, Key="copy of plain", CopySource={"Bucket": bucket, "Key": "with space"})
attempt("get copy", s3.get_object, Key="copy of plain")
attempt("copy with metadata", s3.copy_object, Key="plain", CopySource={"Bucket": bucket, "Key": "plain"},
        MetadataDirective="REPLACE", Metadata={"owner": "new"})
attempt("head after metadata", s3.head_object, Key="plain")

# Multipart: by hand, with a copied part, and by the transfer manager in parallel.
upload = s3.create_multipart_upload(Bucket=bucket, Key="multi", ContentType="x/y")["UploadId"]
parts = []
for n in (1, 2, 3):
    body = content(f"part{n}", 5 << 20 if n < 3 else 77)
    parts.append({"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key="multi", UploadId=upload, PartNumber=n, Body=body)["ETag"]})
say("parts", [p["Size"] for p in s3.list_parts(Bucket=bucket, Key="multi", UploadId=upload)["Parts"]])
attempt("complete", s3.complete_multipart_upload, Key="multi", UploadId=upload, MultipartUpload={"Parts": parts})
attempt("get multi", s3.get_object, Key="multi")
attempt("part 2", s3.get_object, Key="multi", PartNumber=2)
attempt("middle", s3.get_object, Key="multi", Range="bytes=5242870-5242890")
upload = s3.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
s3.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=b"x")
s3.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)
attempt("get aborted", s3.get_object, Key="aborted")
big = content("big", 30 << 20)
s3.upload_fileobj(io.BytesIO(big), bucket, "big", Config=TransferConfig(multipart_threshold=8 << 20, max_concurrency=4))
into = io.BytesIO()
s3.download_fileobj(bucket, "big", into, Config=TransferConfig(multipart_threshold=8 << 20, max_concurrency=4))
say("big", into.getvalue() == big)

# Listings.
for arguments in ({}, {"Prefix": "a"}, {"Delimiter": "/"}, {"Prefix": "a/", "Delimiter": "/"}, {"PaginationConfig": {"PageSize": 3}},
                  {"StartAfter": "percent"}, {"EncodingType": "url"}):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **arguments)
    found = [(o["Key"], o["Size"], o["ETag"]) for page in pages for o in page.get("Contents", [])]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **arguments)
    say(f"list {arguments}", {"keys": found, "prefixes": [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])]})
say("list v1", [o["Key"] for o in s3.list_objects(Bucket=bucket)["Contents"]])

# Presigned URLs.
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "unicode-\u00fc-\u6587\u5b57-\U0001f525"}, ExpiresIn=60)
say("presigned", hashlib.sha256(urllib.request.urlopen(url).read()).hexdigest())
try:
    urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"))
    say("forged presigned", "let in")
except urllib.error.HTTPError as e:
    say("forged presigned", e.code)

# Many readers of one object at once.
results = []
threads = [threading.Thread(target=lambda: results.append(facts(s3.get_object(Bucket=bucket, Key="multi"))["sha256"])) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say("readers", sorted(set(results)) and len(results))

# Deleting.
attempt("delete one", s3.delete_object, Key="plain")
attempt("get deleted", s3.get_object, Key="plain")
say("delete many", sorted(d["Key"] for d in s3.delete_objects(
    Bucket=bucket, Delete={"Objects": [{"Key": k} for k in keys[1:]]})["Deleted"]))
attempt("get one of them", s3.get_object, Key=keys[3])
rest = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in rest], "Quiet": True})
say("left", s3.list_objects_v2(Bucket=bucket)["KeyCount"])
attempt("delete bucket", s3.delete_bucket)
