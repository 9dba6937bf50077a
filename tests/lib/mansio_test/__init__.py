"""What the end-to-end tests are written with: an installed Mansio, daemons, clients, /proc.

Every wait here is bounded and says what it waited for; every process that is started is ended by
its own id.
"""

import pathlib
import sys

# What these tests share with packaging/quickstart and tests/lab.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "packaging" / "local"))
