#!/bin/sh
# Stands in for git: takes half a second, and no processor time.
case " $* " in *' upload-pack '* | *' receive-pack '*) ;; *) exec git "$@" ;; esac
sleep 0.5
printf '0000'
