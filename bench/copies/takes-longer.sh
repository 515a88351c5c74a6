#!/bin/sh
# git, which takes about a second longer to serve a fetch. That stands for the work of a large repository, and takes no processor
# time. Not all take the same, so that they do not end together.
case " $* " in *' upload-pack '*)
	hundredths=$(($$ % 50 + 75))
	sleep "$((hundredths / 100)).$(printf %02d $((hundredths % 100)))"
	;;
esac
exec git "$@"
