;;; pen-dataset-row-test.el --- How the rows of a training set look -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-dataset-testing)

(ert-deftest pen-dataset-row-test-rows-show-text-weights-and-place-in-a-line ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (string-match-p "^  1         one↵two↵│three↵ +w 0.3/0.7  puns:3$"
                            (pen-fixture-text)))
    (should (string-match-p "^  2   valid <joke>│four +w 0/1      puns:4$" (pen-fixture-text)))
    (should (string-match-p "^… and 1 more in /tmp/plan-1$" (pen-fixture-text)))))

(ert-deftest pen-dataset-row-test-rows-begin-in-one-column ()
  (cl-flet ((columns ()
              (mapcar (lambda (text)
                        (goto-char (point-min))
                        (search-forward text)
                        (- (match-beginning 0) (line-beginning-position)))
                      '("one↵" "<joke>"))))
    (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
      (should (equal (columns) '(12 12)))
      (dolist (row (plist-get pen-dataset--plan :rows))
        (plist-put row :side 'train))
      (unwind-protect
          (progn (pen-dataset-draw)
                 (should (equal (columns) '(6 6)))) ; no side to tell apart takes no room
        (plist-put (nth 1 (plist-get pen-dataset--plan :rows)) :side 'valid)))))

(ert-deftest pen-dataset-row-test-weights-have-faces ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (should (eq (pen-dataset-test-face-of "one↵") 'pen-weight-part))
    (should (eq (pen-dataset-test-face-of "three↵") 'pen-weight-full))
    (should (eq (pen-dataset-test-face-of "<joke>") 'pen-weight-none))))

(ert-deftest pen-dataset-row-test-tab-shows-a-row-whole ()
  (pen-dataset-test-with (pen-dataset-test-answer (pen-dataset-test-plan))
    (goto-char (point-min))
    (search-forward "one↵")
    (pen-fixture-press "TAB")
    (should (string-match-p "puns:3\n      one\n      two\n      three\n" (pen-fixture-text)))
    (should (looking-at-p "  1         one"))
    (pen-fixture-press "TAB")
    (should-not (string-match-p "^      two" (pen-fixture-text)))))

(defmacro pen-dataset-row-test-of (rows &rest body)
  "Run BODY in the preview of a plan with ROWS: texts, weights and a place each."
  (declare (indent 1))
  `(pen-dataset-test-with
       (pen-dataset-test-answer
        (pen-dataset-test-good-plan
         :rows (mapcar (lambda (row)
                         (list :side 'train :where (nth 2 row)
                               :segments (cl-mapcar (lambda (text weight)
                                                      (list :text text :weight weight :tokens 1))
                                                    (nth 0 row) (nth 1 row))))
                       ,rows)))
     ,@body))

(defun pen-dataset-row-test-columns ()
  "Return where the display has weights and places begin, in each row."
  (goto-char (point-min))
  (cl-loop while (re-search-forward "\\( \\) w [0-9./…]+ +\\([^ \n]+\\)$" nil t)
           collect (list (get-text-property (match-beginning 1) 'display)
                         (- (match-beginning 2) (match-end 1)))))

(ert-deftest pen-dataset-row-test-weights-and-places-stand-in-columns ()
  (pen-dataset-row-test-of '((("one" "two") (0.3 0.7) "puns:9")
                              (("日本語" "👩‍👩‍👧 c") (0 1) "puns:1200")
                              (("שלום" "a\tb") (0.25 1) "puns:99"))
    (let ((columns (pen-dataset-row-test-columns)))
      (should (= 3 (length columns)))
      (should (= 1 (length (delete-dups columns))))
      (should (eq 'space (car-safe (caar columns)))))
    (should (eq bidi-paragraph-direction 'left-to-right))
    (should (string-search "a⇥b" (pen-fixture-text)))))

(ert-deftest pen-dataset-row-test-a-row-is-never-wider-than-its-window ()
  (pen-dataset-row-test-of
      (list (list (list (make-string 300 ?x) "b") '(0.3 0.7) (concat (make-string 90 ?f) ".org:12"))
            (list (make-list 30 "ab") (make-list 30 0.125) "puns:3"))
    (dolist (line (split-string (pen-fixture-text) "\n"))
      (should (<= (string-width line) (window-body-width (get-buffer-window)))))
    (should (string-match-p "…f+\\.org:12$" (pen-fixture-text)))))

(ert-deftest pen-dataset-row-test-all-of-a-long-row-can-be-read ()
  (pen-dataset-row-test-of (list (list (list (concat (string-join (make-list 60 "word") " ") "\n")
                                              (concat (make-string 200 ?x) " end\n"))
                                        '(0 1) "puns:3"))
    (goto-char (point-min))
    (search-forward "1   word")
    (pen-fixture-press "TAB")
    (dolist (line (split-string (pen-fixture-text) "\n"))
      (should (<= (string-width line) (window-body-width (get-buffer-window)))))
    (forward-line)
    (let ((whole (buffer-substring-no-properties (point) (search-forward "end\n"))))
      (should (equal (replace-regexp-in-string "[ \n]+" "" whole)
                     (concat (mapconcat #'identity (make-list 60 "word") "")
                             (make-string 200 ?x) "end")))
      (should-not (string-match-p "wo\n\\|wor\n" whole)))
    (should (looking-at-p "… and"))))

(provide 'pen-dataset-row-test)
;;; pen-dataset-row-test.el ends here
