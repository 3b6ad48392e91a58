"""The smallest worker: one request with two stages, and a number. Prints what was recorded."""

import time

import ringside

with ringside.request("hello", file="world.txt", model="small") as request:
    with request.stage("read"):
        time.sleep(0.01)
    with request.stage("work") as stage:
        time.sleep(0.02)
        stage.value("words", 2, unit="{word}")

print(request.summary["breakdown_percent"], request.summary["bottleneck"])
