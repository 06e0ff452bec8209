#!/usr/bin/env python3
"""Counts the rows of CSV files, one after the other; an attempt that is interrupted goes on where the last one was.

task_data: {"files": ["a.csv", "b.csv"]}
"""
import sys

import afd


def main():
    task = afd.task()
    files = task["task_data"]["files"]
    state = task.get("checkpoint") or {"next": 0, "rows": 0}
    if state["next"]:
        afd.log.info("continuing", file=files[state["next"]])
    for number in range(state["next"], len(files)):
        afd.progress(number, len(files), files[number])
        try:
            with open(files[number], encoding="utf-8") as file:
                state["rows"] += sum(1 for line in file if line.strip())
        except FileNotFoundError:
            afd.later("15m", f"{files[number]} is not there yet")
            return 75
        state["next"] = number + 1
        afd.checkpoint(state)
    afd.progress(len(files), len(files))
    afd.metric("rows", state["rows"])
    afd.enqueue({"task_type": "publish_count", "task_data": {"rows": state["rows"]}})
    afd.result({"rows": state["rows"]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
