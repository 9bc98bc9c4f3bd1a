import pytest

from ilo_helpers.keep.registry import Registry


def test_an_entry_is_its_function_with_its_details():
    fruit = Registry("fruit")

    @fruit.add("apple", colour="red", stone=False)
    def apple(x):
        return x + 1

    assert fruit["apple"] is apple and apple(1) == 2
    assert (apple.colour, apple.stone) == ("red", False)
    assert list(fruit) == ["apple"] and "pear" not in fruit


def test_an_unknown_name_is_told_with_those_there_are():
    fruit = Registry("fruit")
    for name in ("apple", "plum"):
        fruit.add(name)(lambda x: x)
    with pytest.raises(ValueError, match="^fruit 'pear': choose from 'apple', 'plum'$"):
        fruit["pear"]


def test_a_name_is_replaced_when_it_is_added_again():
    fruit = Registry("fruit")
    for answer in (1, 2):

        @fruit.add("apple", answer=answer)
        def apple(answer=answer):
            return answer

    assert list(fruit) == ["apple"] and fruit["apple"]() == fruit["apple"].answer == 2
