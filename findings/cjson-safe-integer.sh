#!/usr/bin/env bash
# cJSON 1.7.15 does not print all integers that a double holds exactly.
#
# cJSON prints a number with 15 digits, reads that back, and takes 17 digits where the two differ. "Differ" is
# judged by a relative tolerance of DBL_EPSILON. Near 2^53 one unit is less than that, so 15 digits are taken for
# the same number. Seen with libcjson1 1.7.15-1+deb12u4:
#     9007199254740991 -> 9.00719925474099e+15 -> 9007199254740990
#     0.30000000000000004 -> 0.3
# One would expect 17 digits whenever 15 do not give the same double back; 2^53 - 1 is the largest integer that JSON
# readers agree on. 1000000000000001 comes out right. A program that prints counters takes strings, or its own
# printer.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in libcjson1 libcjson-dev; do
    apt-get -qq download "$package=1.7.15-1+deb12u4" 2>/dev/null || {
        echo "not to be had: $package 1.7.15-1+deb12u4"
        exit 2
    }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" root
done
cat >numbers.c <<'C'
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    const double numbers[] = {1000000000000001.0, 9007199254740991.0, 0.1 + 0.2};
    printf("cJSON %s\n", cJSON_Version());
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        cJSON *number = cJSON_CreateNumber(numbers[i]);
        char *text = cJSON_PrintUnformatted(number);
        printf("%.17g -> %s: %s\n", numbers[i], text, strtod(text, NULL) == numbers[i] ? "same" : "another");
        cJSON_Delete(number);
        free(text);
    }
    return 0;
}
C
libraries=$(dirname "$(find root -name 'libcjson.so.1')")
cc -Iroot/usr/include numbers.c -L"$libraries" -lcjson -o numbers
LD_LIBRARY_PATH=$libraries ./numbers | tee seen
diff - seen <<'TEXT' || exit 1
cJSON 1.7.15
1000000000000001 -> 1000000000000001: same
9007199254740991 -> 9.00719925474099e+15: another
0.30000000000000004 -> 0.3: another
TEXT
