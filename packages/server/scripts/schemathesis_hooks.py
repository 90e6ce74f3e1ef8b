"""What schemathesis is to overlook at this API: each kind of refusal by its words, with the reason.

Everything else that a check finds fails the run. These are rules that JSON Schema cannot say; the descriptions of the
fields and routes say them in words.
"""

import re

import schemathesis

# How a fault's `msg` or the problem's `code` begins, and why a request that fits its schema is refused with it.
REFUSED_RIGHTLY = {
    "is not the next_cursor of an answer": "a cursor is one that an answer gave, not any text of its form",
    "cannot be ": "two members that are each right may exclude each other, such as `page` and `cursor`",
    "idempotency_key_reused": "an Idempotency-Key used for another request is a 422 by the IETF draft",
    "url_refused": "a receiver's URL must lead to a public host, which its spelling alone does not tell",
    "is a reserved header": "names of headers that the service sets itself, whatever their case",
    "is named twice": "names of headers that differ in case alone, or of teams",
    "must be one of team_ids": "a new key's default team is one of its teams",
    "must begin with WC-": "a call's id tells whether it is on the web",
    f"must have at most {8 * 1024} characters in all": "headers have a limit together, besides each one's own",
    "must name what changes": "`occurred_at` alone changes nothing",
    "is required while": "an assistant's server that is enabled has a URL, given now or before",
    "is set by the service and": "an assistant keeps any member but those that the service sets",
    "the assistant's own members": "an assistant's own members have a limit together",
    "names no ": "an id has the form of one that is there, and is not there for this key",
    "names a day that does not exist": "the 31st of September has the form of RFC 3339",
    "must be before `to`": "a span ends after it begins",
    "makes more than 1500 buckets": "how many buckets a span has depends on its length and on theirs",
    "must lie from 1970 to 9999": "an offset can carry an instant out of these years",
    "is more than a day in the future": "what is too far ahead depends on the clock",
    "lies beyond the first": "the largest page depends on the page's size",
    "must have one of `api_key` and": "signing in takes a key or the token of a link, and not both",
    "must name one of contract": "a listener hears one thing of three",
    "names an operational webhook": "not every endpoint can be listened to",
    "must be event types of the contract": "which types there are depends on the contract",
    "must be at most 30": "how long a team may keep attempts is the operator's setting",
}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Says whether a failure counts."""
    # What was made for one team is not there for another, or for a team that the key does not reach.
    if failure.title == "Created resource not found" and "X-Org-Id" in case.headers:
        return False
    # Facts are judged one by one: a list of them is a 200 that says which were refused.
    if failure.title == "Schema-violating request accepted" and case.operation.path == "/v1/facts":
        return all(result["status"] != "refused" for result in response.json()["results"])
    if failure.title != "Schema-valid request rejected" or response.status_code != 422:
        return True
    problem = response.json()
    told = [problem["code"], *(fault["msg"] for fault in problem.get("errors", []))]
    return not any(re.match(re.escape(words), one) for words in REFUSED_RIGHTLY for one in told)
