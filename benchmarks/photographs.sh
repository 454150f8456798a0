#!/bin/sh
# Gathers the photographs that Debian's wallpaper packages carry, for `--only fidelity --photos DIR`.
# Downloads about 220 MB and installs nothing. Needs apt and dpkg.
set -eu
folder=$(realpath -m "${1:?usage: photographs.sh DIR}")
mkdir -p "$folder/packages"
cd "$folder/packages"
apt-get download \
    gnome-backgrounds \
    lomiri-wallpapers-16.04 \
    lomiri-wallpapers-20.04 \
    mate-backgrounds \
    palapeli-data \
    plasma-workspace-wallpapers \
    ukui-wallpapers
for package in ./*.deb; do
    dpkg-deb --extract "$package" "$folder"
done
rm -r "$folder/packages"
