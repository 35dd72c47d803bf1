"""The registries that the policies of a run list, and the questions that rules ask them."""

from __future__ import annotations

from imglint.errors import Pending
from imglint.registry.hosts import Hosts
from imglint.registry.registries import Registries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from imglint.policy.lookup import Policy
    from imglint.registry.answers import Answers
    from imglint.registry.questions import Answer, Question


class Online:
    """What the registries that policies list know. Questions are asked as soon as a rule asks them."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self._of: dict[int, tuple[Policy, Registries]] = {}

    def of(self, policy: Policy) -> Registries:
        """Return the registries that a policy lists."""
        if id(policy) not in self._of:
            # Keeping the policy ensures that no other one gets its id.
            self._of[id(policy)] = policy, Registries(Hosts(policy.registries), self.ask)
        return self._of[id(policy)][1]

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question, which is asked now unless it was asked before."""
        return self.answers.ask(question)


class Waiting(Online):
    """Like Online, but a question without an answer raises Pending and is added to `questions`, unless `is_over`."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self.questions: dict[Question, None] = {}
        self.is_waiting = False
        self.is_over = False

    def ask(self, question: Question) -> Answer:
        """Return the answer to a question. Raises Pending if it is not known."""
        if not self.is_over and question not in self.answers:
            self.questions[question] = None
            self.is_waiting = True
            raise Pending
        return super().ask(question)
