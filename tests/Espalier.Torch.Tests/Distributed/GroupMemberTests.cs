using Espalier.Torch.Distributed;

namespace Espalier.Torch.Tests.Distributed;

public class GroupMemberTests
{
    [Theory]
    [InlineData("")]
    [InlineData("MASTER_ADDR=a MASTER_PORT=1")]
    [InlineData("RANK=0 WORLD_SIZE=1")]
    public void A_process_is_alone_unless_it_is_said_otherwise(string variables) => Of(variables).ShouldBeNull();

    [Fact]
    public void Variables_as_torchrun_sets_them_are_taken() =>
        Of("RANK=5 WORLD_SIZE=8 LOCAL_RANK=1 LOCAL_WORLD_SIZE=4 MASTER_ADDR=node0 MASTER_PORT=29500 GLOO_SOCKET_IFNAME=eth1")
            .ShouldBe(new GroupMember(5, 8, "node0", 29500) { LocalRank = 1, LocalSize = 4, Interface = "eth1" });

    [Fact]
    public void The_port_next_to_the_agents_own_store_is_taken() =>
        Of("RANK=1 WORLD_SIZE=2 MASTER_ADDR=node0 MASTER_PORT=29500 TORCHELASTIC_USE_AGENT_STORE=True")!.Port.ShouldBe(29501);

    [Theory]
    [InlineData("RANK=0", "WORLD_SIZE is not set; MASTER_PORT is not set; MASTER_ADDR is not set")]
    [InlineData("RANK=2 WORLD_SIZE=2 MASTER_ADDR=a MASTER_PORT=1", "RANK=2 must be below WORLD_SIZE=2")]
    [InlineData("RANK=-1 WORLD_SIZE=two MASTER_ADDR=a MASTER_PORT=99999",
        "WORLD_SIZE=two is not a number from 1 to 65536; RANK=-1 is not a number from 0 to 65535; MASTER_PORT=99999 is not a number from 1 to 65534")]
    public void Every_fault_is_listed(string variables, string faults) => Should.Throw<ArgumentException>(() => Of(variables)).Message
        .ShouldBe($"The environment describes a group of processes, but {faults}. Set them as torchrun does, or unset RANK and WORLD_SIZE.");

    private static GroupMember? Of(string variables)
    {
        var all = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        return GroupMember.FromVariables(name => all.GetValueOrDefault(name));
    }
}
