# SPDX-License-Identifier: GPL-2.0
"""What nfstream makes of a capture, a line of JSON for each flow of UDP. Run with nfstream in the path, and the capture."""

import json
import sys

from nfstream import NFStreamer

UDP = 17

if __name__ == "__main__":
    for flow in NFStreamer(source=sys.argv[1], n_meters=1):
        if flow.protocol == UDP:
            told = {
                "name": flow.application_name,
                "category": flow.application_category_name,
                "guessed": bool(flow.application_is_guessed),
                "server": flow.requested_server_name,
            }
            print(json.dumps(told))
