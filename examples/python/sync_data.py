#!/usr/bin/env python3
"""sync_data as a plain program: run by afd's command handler, one process per attempt.

The task comes as JSON on stdin, the result goes as JSON into the file named by AFD_RESULT_FILE, and the exit code says
how the attempt ended: 0 done, 75 not now (no attempt spent), 65 never again, anything else a failed attempt.
Needs Python 3.8 and PyMySQL (Debian and Ubuntu: python3-pymysql); it stores what ../appsflyer/handlers/sync-data.ts stores.
"""
import csv
import datetime
import email.utils
import io
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pymysql

DONE, FAILED, PERMANENT, LATER = 0, 1, 65, 75
REPORTS = ("partners_by_date_report", "geo_by_date_report", "daily_report")
TEXTS = {
    "Date": "date",
    "Country": "country",
    "Agency/PMD (af_prt)": "agency",
    "Media Source (pid)": "media_source",
    "Campaign (c)": "campaign",
}
FIGURES = {
    "Impressions": "impressions",
    "Clicks": "clicks",
    "CTR": "ctr",
    "Installs": "installs",
    "Conversion Rate": "conversion_rate",
    "Sessions": "sessions",
    "Loyal Users": "loyal_users",
    "Loyal Users/Installs": "loyal_users_per_install",
    "Total Revenue": "total_revenue",
    "Total Cost": "total_cost",
    "ROI": "roi",
    "ARPU": "arpu",
    "Average eCPI": "average_ecpi",
}
KEY = tuple(TEXTS.values())


class Outcome(Exception):
    """Ends the attempt in another way than done."""

    def __init__(self, code, message, after=None):
        super().__init__(message)
        self.code, self.after = code, after


def text_of(data, name):
    value = data.get(name)
    if isinstance(value, str) and value:
        return value
    raise Outcome(PERMANENT, f"The task has no {name}: give it in task_data or in the column.")


def day_of(data, name):
    value = text_of(data, name)
    try:
        return datetime.datetime.strptime(value, "%Y-%m-%d").strftime("%Y-%m-%d")
    except ValueError:
        raise Outcome(PERMANENT, f'{name} is "{value}": a day such as 2026-01-31 is wanted.') from None


def token_of(account):
    raw = os.environ.get("APPSFLYER_TOKENS")
    if raw is None:
        with open(os.environ["APPSFLYER_TOKENS_FILE"], encoding="utf-8") as file:
            raw = file.read()
    token = json.loads(raw).get(account)
    if not token:
        raise Outcome(PERMANENT, f"No API token for {account}: add it to APPSFLYER_TOKENS_FILE.")
    return token


def seconds_to_midnight(now):
    return 86400 - int(now) % 86400


def refusal(path, status, headers, body):
    """The outcome that an answer other than 200 means."""
    scale = float(os.environ.get("APPSFLYER_WAIT_SCALE") or 1)
    said = "" if "html" in (headers.get("content-type") or "") else f": {body.strip()[:200]}"
    message = f"{path} answered {status}{said}"
    date = headers.get("date")
    now = email.utils.parsedate_to_datetime(date).timestamp() if date else time.time()
    if status == 403 and body.startswith("Limit reached for"):
        return Outcome(LATER, message, 60 * scale)
    if status == 400 and re.search(r"API calls? limit has been reached", body, re.I):
        return Outcome(LATER, message, seconds_to_midnight(now) * scale)
    if status in (400, 401, 404):
        return Outcome(PERMANENT, message)
    wait = (headers.get("retry-after") or "").strip()
    return Outcome(FAILED, message, int(wait) * scale if wait.isdigit() else None)


def fetch(account, app_id, report, query):
    base = os.environ.get("APPSFLYER_BASE_URL", "https://hq1.appsflyer.com")
    path = f"/api/agg-data/export/app/{urllib.parse.quote(app_id, safe='')}/{report}/v5"
    request = urllib.request.Request(f"{base}{path}?{urllib.parse.urlencode(query)}")
    # Unredirected: the token goes to the configured service and nowhere else.
    request.add_unredirected_header("Authorization", f"Bearer {token_of(account)}")
    try:
        with urllib.request.urlopen(request, timeout=float(os.environ.get("APPSFLYER_TIMEOUT") or 300)) as response:
            if "html" in (response.headers.get("content-type") or ""):
                raise Outcome(FAILED, f"{path} answered with a web page.")
            # A body that is cut short raises IncompleteRead.
            return response.read().decode("utf-8-sig")
    except urllib.error.HTTPError as error:
        body = error.read().decode("utf-8", "replace")
        raise refusal(path, error.code, error.headers, body) from None


def present(field):
    value = field.strip()
    return None if value in ("", "N/A", "NULL") else value


def parse(text, start, end):
    """Rows of the report: columns by the name in the header, unknown ones into `extra`."""
    lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    names = [name.strip() for name in lines[0]] if lines else []
    for name in ("Date", "Media Source (pid)"):
        if name not in names:
            raise ValueError(f'The report has no column "{name}".')
    rows = {}
    for number, fields in enumerate(lines[1:], 2):
        if len(fields) != len(names):
            raise ValueError(f"Line {number} of the report has {len(fields)} fields, the header {len(names)}.")
        row = {**dict.fromkeys(KEY, ""), **dict.fromkeys(FIGURES.values()), "extra": {}}
        for name, field in zip(names, fields):
            value = present(field)
            if name in TEXTS:
                row[TEXTS[name]] = value or ""
            elif name not in FIGURES:
                if value is not None:
                    row["extra"][name] = value
            elif value is None or re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
                row[FIGURES[name]] = value
            else:
                raise ValueError(f'Line {number} of the report: {name} is "{value}", not a number.')
        if not start <= row["date"] <= end:
            raise ValueError(f'Line {number} of the report is about "{row["date"]}", not {start} to {end}.')
        if rows.setdefault(tuple(row[name] for name in KEY), row) is not row:
            raise ValueError(f"Line {number} of the report repeats a row.")
    return rows


def connect():
    url = urllib.parse.urlsplit(os.environ["AF_DATA_DATABASE_URL"])
    socket = urllib.parse.parse_qs(url.query).get("socket")
    where = {"unix_socket": socket[0]} if socket else {"host": url.hostname, "port": url.port or 3306}
    return pymysql.connect(
        **where,
        user=urllib.parse.unquote(url.username or ""),
        password=urllib.parse.unquote(url.password or ""),
        database=urllib.parse.unquote(url.path[1:]),
        charset="utf8mb4",
        connect_timeout=5,
        init_command="SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
    )


def replace_days(days, rows, writer):
    """Makes the days' rows exactly these, in one transaction; days = account, app_id, report, start, end."""
    table = os.environ.get("AF_DATA_TABLE", "af_data")
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", table):
        raise ValueError("AF_DATA_TABLE is not a table name.")
    figures = (*FIGURES.values(), "extra", "task_id", "attempt")
    columns = ("account", "app_id", "report", *KEY, *figures)
    update = ", ".join(f"{name} = VALUES({name})" for name in (*figures, "synced_at"))
    insert = (
        f"INSERT INTO {table} ({', '.join(columns)}, synced_at) "
        f"VALUES ({', '.join(['%s'] * len(columns))}, UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE {update}"
    )
    where = "account = %s AND app_id = %s AND report = %s"
    connection = connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            connection.begin()
            for key in sorted(rows):
                row = {**rows[key], **writer, "extra": json.dumps(rows[key]["extra"], ensure_ascii=False)}
                cursor.execute(insert, [*days[:3], *key, *(row[name] for name in figures)])
            cursor.execute(f"SELECT {', '.join(KEY)} FROM {table} WHERE {where} AND date BETWEEN %s AND %s", days)
            stale = [(str(found[0]), *found[1:]) for found in cursor.fetchall()]
            stale = [key for key in stale if key not in rows]
            for key in stale:
                same = " AND ".join(f"{name} = %s" for name in KEY)
                cursor.execute(f"DELETE FROM {table} WHERE {where} AND {same}", [*days[:3], *key])
            connection.commit()
            return len(stale)
    finally:
        connection.close()


def sync_data(task):
    data = task["task_data"]
    account, app_id = text_of(data, "username"), text_of(data, "app_id")
    start = day_of(data, "start_date")
    end = day_of(data, "end_date") if data.get("end_date") else start
    report = str(data.get("report") or REPORTS[0])
    if report not in REPORTS:
        raise Outcome(PERMANENT, f'report is "{report}": one of {", ".join(REPORTS)} is wanted.')
    query = {"from": start, "to": end}
    query.update({name: str(data[name]) for name in ("timezone", "currency") if data.get(name) is not None})
    rows = parse(fetch(account, app_id, report, query), start, end)
    writer = {"task_id": task["task_id"], "attempt": task["attempt"]}
    deleted = replace_days((account, app_id, report, start, end), rows, writer)
    return {"records_processed": len(rows), "records_deleted": deleted}


def main():
    # SIGTERM ends the attempt (deadline, revoke, drain): the open transaction is rolled back by the server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        code, result = DONE, sync_data(json.load(sys.stdin))
    except Outcome as outcome:
        words = {LATER: "later", PERMANENT: "permanent", FAILED: "retry"}
        code, result = outcome.code, {"status": words[outcome.code], "error_message": str(outcome)}
        if outcome.after is not None:
            result["after"] = outcome.after
    with open(os.environ["AFD_RESULT_FILE"], "w", encoding="utf-8") as file:
        json.dump(result, file)
    if code != DONE:
        print(result["error_message"], file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
