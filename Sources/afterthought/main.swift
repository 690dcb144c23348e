import Glibc

StopSignal.install()
exit(await runCommandLine(Array(CommandLine.arguments.dropFirst())))
