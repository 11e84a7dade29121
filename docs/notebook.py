# %% [markdown]
# # From a capture to a chart
#
# A notebook in the percent format: VS Code, PyCharm and Jupyter (with jupytext) open it as cells, and
# `python docs/notebook.py CAPTURE` runs it from top to bottom. It needs `pip install 'pcap-analyzer[sql]'`.

# %% Ten lines: throughput, retransmissions and acknowledgement times, second by second
import sys

import plotly.express as px

from pcap_analyzer import open_capture, queries

CAPTURE = sys.argv[1] if len(sys.argv) > 1 else "office.pcapng"
with queries.database([CAPTURE]) as captures:
    seconds = captures.query("""
        SELECT time_bucket(INTERVAL 1 second, timestamp) AS second, sum(original_length)::BIGINT * 8 / 1e6 AS mbit,
               count(*) FILTER (tcp_marks & 1 = 1) AS retransmissions, median(ack_rtt) / 1e6 AS ack_ms
        FROM packets GROUP BY ALL ORDER BY second""").read_all()
px.line(seconds, x="second", y=["mbit", "retransmissions", "ack_ms"]).write_html("seconds.html")

# %% [markdown]
# The same tables without SQL: each is a stream of Arrow record batches, which pandas, Polars and DuckDB take as they
# are. Packets are streamed and filtered on the way; only what is left is held.

# %% The packets that waited longest for their acknowledgement
import pyarrow as pa
import pyarrow.compute as pc

with open_capture(CAPTURE) as capture:
    packets = capture.packets(["frame_number", "src", "dst", "ack_rtt"])
    slow = pa.Table.from_batches(
        [batch.filter(pc.greater(batch["ack_rtt"].cast(pa.int64()), 100_000_000)) for batch in packets], packets.schema
    )
print(slow.num_rows, "acknowledgements took more than 100 ms")

# %% Flows in the columns of another tool, for what was made for its output
with open_capture(CAPTURE) as capture:
    flows = capture.view("nfstream", ["dst_ip", "bidirectional_mean_piat_ms", "bidirectional_mean_ps"]).read_all()
chart = px.scatter(flows, x="bidirectional_mean_piat_ms", y="bidirectional_mean_ps", log_x=True, hover_name="dst_ip")
chart.write_html("flows.html")
