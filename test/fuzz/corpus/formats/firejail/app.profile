include globals.local
seccomp !chroot,@clock,reboot:EACCES,$101
seccomp.keep read,write
seccomp.32.drop mount
seccomp-error-action kill
protocol unix,inet
memory-deny-write-execute
restrict-namespaces user,net
ignore seccomp.keep
