# One of a crowd, run under hakmem by host_test.py: `crowd.pl idle` sleeps, `crowd.pl busy` works on its heap for ever.
use strict;
use warnings;

if ($ARGV[0] eq 'idle') {
    sleep 3600 while 1;
}
my @blocks;
my $turn = 0;
while (1) {
    for (1 .. 2000) {
        $blocks[int rand 4096] = 'x' x (16 + int rand 2000);
    }
    # Frees of many and small steps of many: the slow path is reached in each turn.
    @blocks = () if ++$turn % 16 == 0;
    select undef, undef, undef, 0.05;
}
