"""A cluster of real processes whose master has backups, and a second address for a master that is
promoted. Clients and datanodes know both."""

import os

from free_ports import free_port
from local_cluster import Cluster, Process, wait_until
from wire_client import log_status


class ReplicatedCluster(Cluster):
    """with ReplicatedCluster(backups=1, master=["--min-sync-backups=1"]) as c: ..."""

    def __init__(self, datanodes=0, backups=1, master=(), backup=()):
        super().__init__(datanodes=datanodes, master=master)
        self.first = self.address
        self.second = f"127.0.0.1:{free_port()}"
        self.addresses = [self.first, self.second]
        self.address = ",".join(self.addresses)  # what clients are given
        self.backup_options = list(backup)
        self.backups = [self.new_backup(f"backup{n}") for n in range(1, backups + 1)]
        for node in self.datanodes:
            node.arguments = [f"--master={self.address}" if a.startswith("--master=") else a
                              for a in node.arguments]

    def new_backup(self, name, data_dir=None):
        process = Process(self.directory, name, [
            "--role=backup", f"--data-dir={data_dir or self.data_dir(name)}",
            f"--listen=127.0.0.1:{free_port()}", "--http=127.0.0.1:0", f"--master={self.address}",
            f"--name={name}", *self.backup_options])
        process.address = process.arguments[2].split("=")[1]
        return process

    def new_master(self, name, data_dir, address, *options):
        """A master on an existing directory."""
        return Process(self.directory, name, [
            "--role=master", f"--data-dir={data_dir}", f"--listen={address}",
            "--http=127.0.0.1:0", "--heartbeat-interval=200ms", "--stale-after=1s",
            f"--master={self.address}", *options])

    def data_dir(self, name):
        return os.path.join(self.directory, name)

    def processes(self):
        return [self.master, *getattr(self, "backups", []), *self.datanodes]

    def caught_up(self, backup, seconds=60, master=None):
        """Waits until the backup has applied all that the master has; both stand still meanwhile.
        Their states must be equal then; returns the backup's."""
        def equal():
            try:
                ours = log_status(master or self.first)
                theirs = log_status(backup.address)
            except (OSError, ValueError, AssertionError):
                return None
            except Exception as refused:  # starting, or the copy is being replaced
                if getattr(refused, "status", None) in (22, 25, 26):
                    return None
                raise
            if theirs["applied"] != ours["last"] or theirs["lag_ms"] < 0:
                return None
            return ours, theirs
        ours, theirs = wait_until(equal, f"{backup.name} caught up\n{backup.log()}", seconds)
        if ours["digest"] != theirs["digest"] or ours["files"] != theirs["files"]:
            raise AssertionError(f"master and {backup.name} differ: {ours} {theirs}")
        return theirs
