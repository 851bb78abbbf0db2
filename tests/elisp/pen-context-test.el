;;; pen-context-test.el --- What stands before point -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-context)

(defmacro pen-context-test--in (text &rest body)
  "Run BODY in a buffer with TEXT, point where TEXT has a bar."
  (declare (indent 1))
  `(with-temp-buffer
     (insert ,text)
     (goto-char (point-min))
     (search-forward "|")
     (delete-char -1)
     ,@body))

(defun pen-context-test--dressed (answer)
  "Return the buffer's text after ANSWER was inserted at point."
  (let ((context (pen-context-at-point)))
    (goto-char (pen-context-position context))
    (insert (pen-context-dress context answer))
    (buffer-string)))

(ert-deftest pen-context-test-takes-the-lines-before-point-up-to-an-empty-one ()
  (pen-context-test--in "far\n\none\ntwo|\nlater"
    (should (equal (pen-context-text (pen-context-at-point)) "one\ntwo"))))

(ert-deftest pen-context-test-stops-at-a-heading ()
  (pen-context-test--in "- zero\n* Puns\n- one\n- two|"
    (should (equal (pen-context-text (pen-context-at-point)) "one\ntwo"))))

(ert-deftest pen-context-test-skips-empty-lines-just-before-point ()
  (pen-context-test--in "one\ntwo\n\n|"
    (should (equal (string-trim (pen-context-text (pen-context-at-point))) "one\ntwo"))))

(ert-deftest pen-context-test-takes-whole-lines-within-the-limit ()
  (let ((pen-context-characters 10))
    (pen-context-test--in "first line\nsecond\n|"
      (should (equal (pen-context-text (pen-context-at-point)) "second\n")))))

(ert-deftest pen-context-test-takes-the-end-of-a-line-longer-than-the-limit ()
  (let ((pen-context-characters 5))
    (pen-context-test--in "abcdefghij|"
      (should (equal (pen-context-text (pen-context-at-point)) "fghij")))))

(ert-deftest pen-context-test-region-comes-first ()
  (pen-context-test--in "one\ntwo\nthree|"
    (let ((transient-mark-mode t))
      (push-mark (point-min) t t)
      (goto-char 8)
      (let ((context (pen-context-at-point)))
        (should (equal (pen-context-text context) "one\ntwo"))
        (should (= (pen-context-position context) 8))))))

(ert-deftest pen-context-test-nothing-before-point-is-said ()
  (pen-context-test--in " \n|text"
    (should-error (pen-context-at-point) :type 'user-error)))

(ert-deftest pen-context-test-answer-begins-a-new-line ()
  (pen-context-test--in "one|"
    (should (equal (pen-context-test--dressed "two\nthree") "one\ntwo\nthree"))))

(ert-deftest pen-context-test-answer-takes-over-the-bullet ()
  (pen-context-test--in "  - one\n|"
    (should (equal (pen-context-test--dressed "two\nthree") "  - one\n  - two\n  - three"))))

(ert-deftest pen-context-test-a-bullet-already-there-is-not-doubled ()
  (pen-context-test--in "- one\n- |"
    (should (equal (pen-context-test--dressed "two\nthree") "- one\n- two\n- three"))))

(ert-deftest pen-context-test-text-after-point-keeps-its-line ()
  (pen-context-test--in "one\n|\nlater"
    (should (equal (pen-context-test--dressed "two") "one\ntwo\nlater")))
  (pen-context-test--in "one\n|later"
    (should (equal (pen-context-test--dressed "two") "one\ntwo\nlater"))))

(ert-deftest pen-context-test-values-go-to-the-first-variable-of-the-prompt ()
  (pen-context-test--in "one|"
    (should (equal (pen-context-values
                    (pen-context-at-point)
                    '(:arity 1 :variables ((:name "jokes" :type "list") (:name "more"))))
                   '(("jokes" "one"))))))

(ert-deftest pen-context-test-text-variable-gets-no-line-break ()
  (pen-context-test--in "one|"
    (let ((context (pen-context-at-point)))
      (pen-context-values context '(:arity 1 :variables ((:name "text" :type "text"))))
      (should (equal (pen-context-dress context " two") " two")))))

(ert-deftest pen-context-test-only-the-first-bullet-of-a-line-goes ()
  (with-temp-buffer
    (insert "- - one \n  + two - three\n- \n-x\n- ")
    (let ((context (pen-context-make)))
      (should (equal (pen-context-text context) "- one\ntwo - three\n\n-x\n"))
      (should (equal (pen-context-bullet context) "- "))
      (should (pen-context-bulleted context)))))

(ert-deftest pen-context-test-thousands-of-lines-are-dressed-in-no-time ()
  (let* ((text (mapconcat #'number-to-string (number-sequence 1 20000) " \n\n"))
         (context (pen-context--make :bullet "- " :lead "" :tail ""))
         (dressed nil))
    (pen-fixture-quickest
     0.25 (lambda ()
            (pen-fixture-work (lambda () (setq dressed (pen-context-dress context text))))))
    (should (string-prefix-p "- 1\n- 2\n" dressed))
    (should (string-suffix-p "\n- 20000" dressed))))

(provide 'pen-context-test)
;;; pen-context-test.el ends here
