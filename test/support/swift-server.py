"""OpenStack Swift with its S3 interface on loopback: its four servers in one process, their data in a folder of their own.

swift-server.py FOLDER, with a JSON document as first line of standard input, whose form swift-server.ts knows. Writes the
port to standard output. When standard input ends, as it does when whoever started this dies, it removes FOLDER and ends.
"""

import json
import logging
import os
import shutil
import sys

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi  # noqa: E402
from swift.common import constraints, storage_policy, utils, wsgi  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

STORAGE = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_level = WARNING
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY = """
[DEFAULT]
swift_dir = {folder}
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
location = {region}
storage_domain = {domain}
[filter:tempauth]
use = egg:swift#tempauth
{users}
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""


class NoCache:
    """In place of memcached, which users of names and passwords take for granted."""

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def serve(sock, app):
    eventlet.spawn(
        eventlet.wsgi.server, sock, app, utils.NullLogger(),
        protocol=SwiftHttpProtocol, capitalize_response_headers=False)


def main(folder, spec):
    def write(name, text):
        path = os.path.join(folder, name)
        with open(path, 'w', encoding='utf8') as file:
            file.write(text)
        return path

    # Objects have their headers there.
    os.setxattr(folder, 'user.swift', b'')
    # Instead of the machine's log.
    utils.ThreadSafeSysLogHandler = lambda *args, **kwargs: logging.StreamHandler()
    write('swift.conf', '[swift-hash]\nswift_hash_path_suffix = test\n')
    utils.set_swift_dir(folder)
    constraints.reload_constraints()
    storage_policy.reload_storage_policies()
    os.makedirs(os.path.join(folder, 'devices', 'disk'))

    for kind in ('account', 'container', 'object'):
        sock = eventlet.listen(('127.0.0.1', 0))
        port = sock.getsockname()[1]
        builder = RingBuilder(1, 1, 0)
        builder.add_dev({
            'region': 1, 'zone': 1, 'weight': 1, 'device': 'disk', 'meta': '',
            'ip': '127.0.0.1', 'port': port, 'replication_ip': '127.0.0.1', 'replication_port': port})
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, kind + '.ring.gz'))
        serve(sock, wsgi.loadapp(write(kind + '.conf', STORAGE.format(folder=folder, kind=kind))))

    users = '\n'.join('user_%s = %s' % pair for pair in spec['users'].items())
    app = wsgi.loadapp(write('proxy.conf', PROXY.format(
        folder=folder, users=users, region=spec['region'], domain=spec['domain'])))
    for path, headers in spec['containers'].items():
        request = wsgi.make_pre_authed_request({}, 'PUT', '/v1/' + path, headers=headers)
        # Others cannot say who may read.
        request.environ['swift_owner'] = True
        status = request.get_response(app).status
        assert status.startswith('201'), status
    sock = eventlet.listen(('127.0.0.1', 0))
    serve(sock, lambda env, start: app({**env, 'swift.cache': NoCache()}, start))
    print(sock.getsockname()[1], flush=True)


if __name__ == '__main__':
    try:
        main(sys.argv[1], json.loads(sys.stdin.readline()))
        eventlet.tpool.execute(sys.stdin.read)
    finally:
        shutil.rmtree(sys.argv[1], ignore_errors=True)
    os._exit(0)
