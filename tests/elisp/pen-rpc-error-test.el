;;; pen-rpc-error-test.el --- Tests of errors and what is said of them -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'pen-fixture)
(require 'pen-rpc-error)

(ert-deftest pen-rpc-error-test-sentence-has-place-and-advice-in-one-line ()
  (should (equal (pen-rpc-sentence '(:message "Two\nlines" :where "a.org:3" :hint "Mend it."))
                 "a.org:3: Two lines. Mend it."))
  (should (equal (pen-rpc-sentence '(:message "a.org:3 is odd." :where "a.org:3"))
                 "a.org:3 is odd.")))

(ert-deftest pen-rpc-error-test-advice-is-a-sentence-or-the-second-half-of-one ()
  (pcase-dolist (`(,message ,hint ,whole)
                 '(("no text" nil "no text")
                   ("no text" "add one" "no text; add one")
                   ("There is none." "add one" "There is none. Add one")
                   ("unknown key; is it x?" "it is read" "unknown key; is it x? It is read")
                   ("There is none" "Add one." "There is none. Add one.")
                   ("There is none." "`text' is it." "There is none. `text' is it.")))
    (should (equal (pen-rpc-advised message hint) whole))))

(ert-deftest pen-rpc-error-test-what-is-signalled-comes-back-whole ()
  (let ((err (should-error (pen-rpc-signal '(:kind data :message "No rows." :hint "Add some."))
                           :type 'pen-data-error)))
    (should (equal (pen-rpc-sentence (pen-rpc-error-plist err)) "No rows. Add some."))))

(ert-deftest pen-rpc-error-test-an-error-of-emacs-has-a-sentence-too ()
  (let ((err (should-error (signal 'file-error '("Opening" "No such file")))))
    (should (equal (pen-rpc-sentence (pen-rpc-error-plist err)) "Opening: No such file"))))

(ert-deftest pen-rpc-error-test-a-report-names-the-place-and-is-silent-if-cancelled ()
  (should (equal (pen-fixture-said
                  (pen-rpc-report (pen-rpc-error '(:kind data :message "Odd." :where "a:3"))))
                 "a:3: Odd."))
  (should-not (pen-fixture-said
               (pen-rpc-report (pen-rpc-error '(:kind cancelled :message "Stopped."))))))

(ert-deftest pen-rpc-error-test-the-log-leads-to-the-place-and-names-the-service-s-line ()
  (let* ((file (make-temp-file "pen-error" nil ".jsonl" "{}\n{}\n{]\n"))
         (where (concat file ":3:2")))
    (unwind-protect
        (progn
          (pen-fixture-said
           (pen-rpc-tell (list :kind 'data :message "This is no JSON." :hint "Correct it."
                               :where where :log 17)))
          (with-current-buffer "*pen-log*"
            (goto-char (point-max))
            (should (search-backward (concat "data: " where ": This is no JSON. Correct it.")))
            (should (search-forward "(line 17 of the service's log)" (line-end-position)))
            (goto-char (line-beginning-position))
            (search-forward where)
            (save-window-excursion
              (push-button (match-beginning 0))
              (should (equal (list file 3 1)
                             (list buffer-file-name (line-number-at-pos) (current-column))))
              (kill-buffer))))
      (delete-file file))))

(ert-deftest pen-rpc-error-test-what-is-no-place-of-a-file-is-no-link ()
  (dolist (where '("ftjob-7" "train.jsonl:3" "/nonexistent/pen:3" "/ssh:nowhere.invalid:/x:3" nil))
    (pen-fixture-said (pen-rpc-tell (list :kind 'data :message "It is odd." :where where)))
    (with-current-buffer "*pen-log*"
      (goto-char (point-max))
      (forward-line -1)
      (should-not (next-button (point) t))
      (should-not (search-forward "service's log" nil t)))))

(ert-deftest pen-rpc-error-test-bytes-that-are-no-characters-are-said-so ()
  (dolist (text (list "raw \377 \374" (concat (make-string 100 ?\u00e9) (string-to-multibyte "\377"))))
    (let ((said (pen-rpc-error-plist (should-error (pen-rpc-clean (list :text text))))))
      (should (eq 'data (plist-get said :kind)))
      (should (string-match-p "\\`The text \".\\{1,40\\}\" has bytes that are no characters\\. Remove"
                              (pen-rpc-sentence said))))))

(ert-deftest pen-rpc-error-test-a-report-that-something-else-wiped-away-is-shown-again ()
  (let ((pen-rpc--again-seconds 0.01) (shown 0) (noninteractive nil))
    (cl-letf (((symbol-function 'message) (lambda (&rest _) (setq shown (1+ shown))))
              ((symbol-function 'current-message) #'ignore))
      (pen-rpc-tell '(:kind data :message "Odd."))
      (pen-fixture-until (lambda () (= shown 2)))
      (pen-rpc-tell '(:kind data :message "Odd."))
      (setq num-nonmacro-input-events (1+ num-nonmacro-input-events)) ; a key was pressed
      (accept-process-output nil 0.05)
      (should (= shown 3)))))

(provide 'pen-rpc-error-test)
;;; pen-rpc-error-test.el ends here
