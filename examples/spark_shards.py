"""Run a sync in parts on the executors of a Spark cluster: spark-submit examples/spark_shards.py 16

Every executor needs everycase and its settings, as spark.executorEnv.EVERYCASE_… or in its image. Spark runs
a part that fails again (spark.task.maxFailures); that is safe, for what is done already is found done.
"""

from __future__ import annotations

import json
import subprocess
import sys


def run_part(part: str) -> dict:
    """Sync one part; what came of it. 0 and 1 are results: 1 means that some cases wait."""
    words = ["everycase", "sync", "--shard", part, "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr.strip() or f"everycase sync ended with {done.returncode}")
    return {"part": part, **json.loads(done.stdout)}


def main(parts: int) -> int:
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("everycase").getOrCreate()
    names = [f"{n}/{parts}" for n in range(1, parts + 1)]
    reports = spark.sparkContext.parallelize(names, parts).map(run_part).collect()
    for r in reports:
        print(f"{r['part']}: {r['status']}, {r['created'] + r['updated']} loaded, {r['failed']} failed")
    spark.stop()
    return max((0 if r["failed"] == 0 else 1 for r in reports), default=0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
