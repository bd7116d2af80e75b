"""What a WSGI server such as gunicorn serves: `budget_system.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from budget_system.garbage import collect_seldom
from budget_system.numbers import share

share()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budget_system.settings")

application = get_wsgi_application()
collect_seldom()
